// Package hm is version 1's, under the path of version 2: see package dang.
package hm

import v1 "github.com/vito/dang/pkg/hm"

type (
	FunctionType = v1.FunctionType
	NonNullType  = v1.NonNullType
	Type         = v1.Type
)
