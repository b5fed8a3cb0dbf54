// Package teav1 would show an older terminal program inside a newer one. This
// one shows nothing: see package tuist.
package teav1

import "github.com/vito/tuist"

// Wrap is an empty component.
type Wrap struct{ tuist.Compo }

// New forgets the program.
func New(any) *Wrap { return &Wrap{} }

func (*Wrap) OnQuit(func())        {}
func (*Wrap) Render(tuist.Context) {}
