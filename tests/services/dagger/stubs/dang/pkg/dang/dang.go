// Package dang has the names that Dagger uses of version 2 of the Dang
// language, as aliases of version 1. The engine only needs them to compile: the
// two entry points refuse, so no module of the language is ever evaluated.
package dang

import (
	"context"
	"errors"

	v1 "github.com/vito/dang/pkg/dang"
)

var errRefused = errors.New("this engine evaluates no Dang 2 modules")

// RunDir would evaluate a module.
func RunDir(context.Context, string, bool) (ValueScope, error) { return nil, errRefused }

// DeclareDir would read what a module declares.
func DeclareDir(context.Context, string, bool) (ValueScope, error) { return nil, errRefused }

type (
	BoolValue            = v1.BoolValue
	ConstructorFunction  = v1.ConstructorFunction
	DirectiveApplication = v1.DirectiveApplication
	EnumValue            = v1.EnumValue
	FieldDecl            = v1.FieldDecl
	FunCall              = v1.FunCall
	GraphQLFunction      = v1.GraphQLFunction
	GraphQLValue         = v1.GraphQLValue
	ImportConfig         = v1.ImportConfig
	IntValue             = v1.IntValue
	Keyed[X any]         = v1.Keyed[X]
	ListType             = v1.ListType
	ListValue            = v1.ListValue
	MapType              = v1.MapType
	MapValue             = v1.MapValue
	Node                 = v1.Node
	NullValue            = v1.NullValue
	Object               = v1.Object
	Record               = v1.Record
	RecordType           = v1.RecordType
	ScalarValue          = v1.ScalarValue
	Select               = v1.Select
	StringValue          = v1.StringValue
	Symbol               = v1.Symbol
	Type                 = v1.Type
	TypeScope            = v1.TypeScope
	Value                = v1.Value
	ValueNode            = v1.ValueNode
	ValueScope           = v1.ValueScope
)

const (
	BindingOriginLocal = v1.BindingOriginLocal
	EnumKind           = v1.EnumKind
	InterfaceKind      = v1.InterfaceKind
	PrivateVisibility  = v1.PrivateVisibility
	PublicVisibility   = v1.PublicVisibility
	ScalarKind         = v1.ScalarKind
)

var (
	ContextWithImportConfigs = v1.ContextWithImportConfigs
	CreateOverlayValueScope  = v1.CreateOverlayValueScope
	EvalNode                 = v1.EvalNode
	EvaluateFormsWithPhases  = v1.EvaluateFormsWithPhases
	NewObject                = v1.NewObject
	StringType               = v1.StringType
)
