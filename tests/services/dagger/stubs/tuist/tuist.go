// Package tuist has the names that Dagger's command line uses of a library for
// live terminals, which the module proxy does not serve. It lays components out
// once, for `--progress=report` and the last frame, at a fixed size; it reads no
// key and draws nothing live. `--progress=plain`, which the SDK uses, is not
// touched by it.
package tuist

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
)

const (
	width  = 120
	height = 50
)

// Component is something that writes lines into a Context.
type Component interface {
	Render(Context)
	base() *Compo
}

// Compo is embedded by every component.
type Compo struct{}

// Result is what a component wrote.
type Result struct{ Lines []string }

// Context collects the lines of a component.
type Context struct {
	Width, Height int

	lines *[]string
}

func (c Context) Line(line string)        { *c.lines = append(*c.lines, line) }
func (c Context) Lines(lines ...string)   { *c.lines = append(*c.lines, lines...) }
func (c Context) Resize(w, h int) Context { c.Width, c.Height = w, h; return c }
func (c Context) ScreenHeight() int       { return height }
func (c Context) SetFocus(Component)      {}

func (c Context) collect(x Component) Result {
	var lines []string
	c.lines = &lines
	x.Render(c)
	return Result{Lines: lines}
}

func (c *Compo) base() *Compo { return c }
func (c *Compo) Update()      {}

func (c *Compo) RenderChild(ctx Context, x Component) { ctx.Lines(ctx.collect(x).Lines...) }

func (c *Compo) RenderChildResult(ctx Context, x Component) Result { return ctx.collect(x) }

func (c *Compo) RenderChildInline(ctx Context, x Component) string {
	for _, first := range ctx.collect(x).Lines {
		return first
	}
	return ""
}

// What a component may have besides; only Mounter is ever asked.
type (
	Mounter     interface{ OnMount(Context) }
	Dismounter  interface{ OnDismount() }
	Focusable   interface{ SetFocused(Context, bool) }
	Hoverable   interface{ SetHovered(Context, bool) }
	Interactive interface {
		HandleKeyPress(Context, uv.KeyPressEvent) bool
	}
	MouseEnabled interface {
		HandleMouse(Context, MouseEvent) bool
	}
)

// MouseEvent never happens.
type MouseEvent struct {
	uv.MouseEvent
	Row, Col int
}

// Container is a column of components.
type Container struct {
	Compo
	Children []Component
}

func (c *Container) AddChild(x Component) { c.Children = append(c.Children, x) }

func (c *Container) Render(ctx Context) {
	for _, x := range c.Children {
		c.RenderChild(ctx, x)
	}
}

// Spinner does not turn.
type Spinner struct {
	Compo
	Epoch time.Time
}

func NewSpinner() *Spinner { return &Spinner{} }

func (*Spinner) Render(ctx Context) { ctx.Line("*") }

// TextInput shows its prompt and takes no input.
type TextInput struct {
	Compo
	Prompt         string
	OnSubmit       func(Context, string) bool
	KeyInterceptor func(Context, uv.KeyPressEvent) bool

	value string
}

func NewTextInput(prompt string) *TextInput { return &TextInput{Prompt: prompt} }

func (t *TextInput) Value() string         { return t.value }
func (t *TextInput) SetValue(value string) { t.value = value }
func (t *TextInput) InsertRune(r rune)     { t.value += string(r) }
func (t *TextInput) Render(ctx Context)    { ctx.Line(t.Prompt + t.value) }

// Completions of an input: none.
type (
	Completion       struct{ Label, Detail, Documentation string }
	CompletionMenu   struct{}
	CompletionResult struct {
		Items       []Completion
		ReplaceFrom int
	}
)

func NewCompletionMenu(*TextInput, func(string, int) CompletionResult) *CompletionMenu {
	return &CompletionMenu{}
}

func (*CompletionMenu) HandleKeyPress(Context, uv.KeyPressEvent) bool { return false }

// Overlays are not drawn.
type (
	Anchor         int
	Size           int
	OverlayMargin  struct{ Top, Right, Bottom, Left int }
	OverlayOptions struct {
		Width  Size
		Anchor Anchor
		Margin OverlayMargin
	}
	OverlayHandle struct{}
)

const AnchorTopRight Anchor = 0

func SizeAbs(n int) Size { return Size(n) }

func (*OverlayHandle) Remove() {}

// Terminal is not opened.
type Terminal struct{}

func NewStdTerminal() *Terminal { return &Terminal{} }

// TUI holds the components of a screen that is never drawn.
type TUI struct {
	Container

	dispatching sync.Mutex
}

func New(*Terminal) *TUI { return &TUI{} }

func (t *TUI) Start() error {
	for _, x := range t.Children {
		if mounter, ok := x.(Mounter); ok {
			mounter.OnMount(Context{Width: width, lines: new([]string)})
		}
	}
	return nil
}

func (t *TUI) Dispatch(do func()) {
	t.dispatching.Lock()
	defer t.dispatching.Unlock()
	do()
}

func (t *TUI) RemoveChild(x Component) {
	t.Children = slices.DeleteFunc(t.Children, func(y Component) bool { return x == y })
}

func (t *TUI) RenderLines() []string { return Context{Width: width}.collect(t).Lines }

func (t *TUI) Exec(do func(in io.Reader, out, err io.Writer) error) error {
	return do(os.Stdin, os.Stdout, os.Stderr)
}

func (*TUI) RequestRender(bool)         {}
func (*TUI) SetDebugWriter(io.Writer)   {}
func (*TUI) SetFocus(Component)         {}
func (*TUI) SetShowHardwareCursor(bool) {}
func (*TUI) Stop()                      {}

func (*TUI) ShowOverlay(Component, *OverlayOptions) *OverlayHandle { return &OverlayHandle{} }
