// Package introspection is version 1's, under the path of version 2: see package dang.
package introspection

import v1 "github.com/vito/dang/pkg/introspection"

type (
	Response = v1.Response
	Schema   = v1.Schema
	TypeRef  = v1.TypeRef
)

const (
	TypeKindNonNull = v1.TypeKindNonNull
	TypeKindObject  = v1.TypeKindObject
)
