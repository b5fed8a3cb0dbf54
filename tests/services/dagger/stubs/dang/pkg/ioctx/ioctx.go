// Package ioctx is version 1's, under the path of version 2: see package dang.
package ioctx

import v1 "github.com/vito/dang/pkg/ioctx"

var (
	StderrToContext = v1.StderrToContext
	StdoutToContext = v1.StdoutToContext
)
