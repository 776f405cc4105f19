// Package plot draws figures as lines, in SVG files that change little when the figures do.
package plot

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Plot is lines over one axis. Logarithmic axes take values above 0 only; linear ones begin at 0.
type Plot struct {
	Title, X, Y string
	LogX, LogY  bool
	Lines       []Line
}

// Line is a line with a mark at each of its points, which are in the order of X.
type Line struct {
	Name   string
	Points []Point
}

// Point is one figure.
type Point struct{ X, Y float64 }

// Of a plot, in points: of the whole, of the legend at its right, and of what is left free at the edges.
const (
	width, height = 680, 300
	legend        = 180
	margin        = 10
)

// Save writes plots, one below the other, into one SVG file. It has a white background of its own, for viewers that are dark.
func Save(file string, plots ...Plot) error {
	svg, err := SVG(plots...)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, svg, 0o644)
}

// SVG draws what Save writes.
func SVG(plots ...Plot) ([]byte, error) {
	canvas := vgsvg.New(width, vg.Length(height*len(plots)))
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Path())
	for i, p := range plots {
		below := vg.Length(height * (len(plots) - 1 - i))
		if err := p.draw(draw.Crop(all, margin, -margin, below+margin, below+height-margin-all.Max.Y)); err != nil {
			return nil, fmt.Errorf("plot %q: %w", p.Title, err)
		}
	}
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	const named = "font-family:Liberation Sans" // where it is missing, others of the same widths do as well
	return bytes.ReplaceAll(b.Bytes(), []byte(named), []byte(named+",Arial,Helvetica,sans-serif")), nil
}

func (p Plot) draw(c draw.Canvas) error {
	if len(p.Lines) == 0 {
		return errors.New("no lines")
	}
	g := plot.New()
	g.BackgroundColor = nil
	g.Title.Text, g.X.Label.Text, g.Y.Label.Text = p.Title, p.X, p.Y
	g.Title.Padding, g.X.Label.Padding, g.Y.Label.Padding = 8, 4, 4
	for _, style := range []*draw.TextStyle{
		&g.Title.TextStyle, &g.X.Label.TextStyle, &g.Y.Label.TextStyle, &g.X.Tick.Label, &g.Y.Tick.Label, &g.Legend.TextStyle,
	} {
		style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 11}
	}
	g.Title.TextStyle.Font.Size = 13
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = light, light
	grid.Horizontal.Width, grid.Vertical.Width = 0.5, 0.5
	g.Add(grid)
	for i, l := range p.Lines {
		points := make(plotter.XYs, len(l.Points))
		for i, point := range l.Points {
			if p.LogX && point.X <= 0 || p.LogY && point.Y <= 0 {
				return fmt.Errorf("%s: (%v, %v) has no place on a logarithmic axis", l.Name, point.X, point.Y)
			}
			points[i] = plotter.XY{X: point.X, Y: point.Y}
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		look := looks[i%len(looks)]
		line.Color, marks.Color = look.color, look.color
		line.Width, marks.Radius, marks.Shape = 1.5, 3.5, look.mark
		g.Add(line, marks)
		g.Legend.Add(l.Name, line, marks)
	}
	scale(&g.X, p.LogX)
	scale(&g.Y, p.LogY)

	names := g.Legend
	names.Top, names.Left, names.YPosition, names.Padding = true, true, draw.PosCenter, 4
	names.Draw(draw.Crop(c, c.Size().X-legend+margin, 0, 0, -30))
	g.Legend = plot.NewLegend()
	g.Draw(draw.Crop(c, 0, -legend, 0, 0))
	return nil
}

// scale has an axis begin at 0, or at powers of ten at both ends, and writes numbers as people read them.
func scale(a *plot.Axis, logarithmic bool) {
	a.Padding = 4
	if !logarithmic {
		a.Min, a.Max = 0, max(1.1*a.Max, math.SmallestNonzeroFloat32)
		a.Tick.Marker = linear{}
		return
	}
	const almost = 1e-9 // the logarithm of a power of ten may be a little less than it should
	least := int(math.Floor(math.Log10(a.Min) + almost))
	most := max(int(math.Ceil(math.Log10(a.Max)-almost)), least+1)
	a.Min, a.Max = math.Pow10(least), math.Pow10(most)
	a.Scale = plot.LogScale{}
	a.Tick.Marker = decades{least, most}
}

// linear has a few numbers.
type linear struct{}

func (linear) Ticks(from, to float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(from, to)
	for i := range all {
		if !all[i].IsMinor() {
			all[i].Label = number(all[i].Value)
		}
	}
	return all
}

// decades has a number at each power of ten.
type decades struct{ least, most int }

func (d decades) Ticks(float64, float64) (all []plot.Tick) {
	for power := d.least; power < d.most; power++ {
		at := math.Pow10(power)
		all = append(all, plot.Tick{Value: at, Label: number(at)})
		for i := 2; i < 10; i++ {
			all = append(all, plot.Tick{Value: float64(i) * at})
		}
	}
	end := math.Pow10(d.most)
	return append(all, plot.Tick{Value: end, Label: number(end)})
}

// number writes a number with a comma at each thousand, without what is behind the sixth decimal place.
func number(v float64) string {
	whole, rest, _ := strings.Cut(strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}

var light = color.Gray{0xdd}

// looks of lines, the next for each. The colours can be told apart by the colour-blind too (Okabe and Ito), and so can the marks.
var looks = []struct {
	color color.Color
	mark  draw.GlyphDrawer
}{
	{color.RGBA{0x00, 0x72, 0xb2, 0xff}, draw.CircleGlyph{}},
	{color.RGBA{0xd5, 0x5e, 0x00, 0xff}, draw.SquareGlyph{}},
	{color.RGBA{0x00, 0x9e, 0x73, 0xff}, draw.TriangleGlyph{}},
	{color.RGBA{0xcc, 0x79, 0xa7, 0xff}, draw.CrossGlyph{}},
	{color.RGBA{0xe6, 0x9f, 0x00, 0xff}, draw.PlusGlyph{}},
	{color.RGBA{0x56, 0xb4, 0xe9, 0xff}, draw.RingGlyph{}},
}
