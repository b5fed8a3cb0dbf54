// Package querybuilder is version 1's, under the path of version 2: see package dang.
package querybuilder

import v1 "github.com/vito/dang/pkg/querybuilder"

var Query = v1.Query
