using System.Globalization;
using System.Text;

namespace Gallery.Service.Page.Demo;

/// <summary>An SVG that is being drawn. It has attributes only, no styles and no scripts, so its policy can forbid both.</summary>
/// <param name="random">Seeded, so that the same picture comes out each time.</param>
internal sealed class DemoCanvas(int width, int height, DemoPalette palette, Random random)
{
    private const int RidgePoints = 64;

    private readonly StringBuilder _shapes = new();
    private readonly StringBuilder _definitions = new();
    private int _ids;

    public double Width => width;

    public double Height => height;

    /// <summary>The shorter side, by which things are sized.</summary>
    public double Unit => Math.Min(width, height);

    public DemoPalette Palette => palette;

    public double Between(double least, double most) => least + (random.NextDouble() * (most - least));

    public bool Chance(double part) => random.NextDouble() < part;

    public override string ToString() =>
        $"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"><defs>{_definitions}</defs>{_shapes}</svg>""";

    /// <summary>Adds SVG as it is. Numbers are written with a point.</summary>
    public void Add(FormattableString svg) => _shapes.Append(FormattableString.Invariant(svg));

    public void Path(string data, string fill, double opacity = 1) => Add($"""<path d="{data}" fill="{fill}" opacity="{opacity:0.##}"/>""");

    public void Circle(double x, double y, double radius, string fill, double opacity = 1) =>
        Add($"""<circle cx="{x:0.#}" cy="{y:0.#}" r="{radius:0.#}" fill="{fill}" opacity="{opacity:0.##}"/>""");

    public void Box(double x, double y, double boxWidth, double boxHeight, string fill, double opacity = 1) =>
        Add($"""<rect x="{x:0.#}" y="{y:0.#}" width="{boxWidth:0.#}" height="{boxHeight:0.#}" fill="{fill}" opacity="{opacity:0.##}"/>""");

    /// <summary>A gradient, as a fill. Each stop is a place, a colour and an opacity.</summary>
    public string Gradient(bool isDown, params (double At, string Colour, double Opacity)[] stops)
    {
        var id = $"g{_ids++}";
        _definitions.Append(CultureInfo.InvariantCulture, $"""<linearGradient id="{id}" x2="{(isDown ? 0 : 1)}" y2="{(isDown ? 1 : 0)}">""").Append(Stops(stops)).Append("</linearGradient>");
        return $"url(#{id})";
    }

    public string Glow(params (double At, string Colour, double Opacity)[] stops)
    {
        var id = $"g{_ids++}";
        _definitions.Append(CultureInfo.InvariantCulture, $"""<radialGradient id="{id}">""").Append(Stops(stops)).Append("</radialGradient>");
        return $"url(#{id})";
    }

    /// <summary>Draws into a part that can be shown again, as a reflection. Returns its id.</summary>
    public string Group(Action draw)
    {
        var id = $"p{_ids++}";
        Add($"""<g id="{id}">""");
        draw();
        _shapes.Append("</g>");
        return id;
    }

    /// <summary>The sky, with stars at night.</summary>
    public void Sky()
    {
        Box(0, 0, width, height, Gradient(true, (0, palette.Top, 1), (0.45, palette.Middle, 1), (0.8, palette.Low, 1)));
        if (palette.IsNight) Stars(140, 0.6);
    }

    public void Stars(int count, double depth)
    {
        for (var i = 0; i < count; i++) Circle(Between(0, width), Between(0, height * depth), Unit * Between(0.0006, 0.0022), "#ffffff", Between(0.25, 0.95));
    }

    /// <summary>The sun or the moon, with its glow.</summary>
    public void Light(double x, double y, double radius)
    {
        Circle(x, y, radius * 6, Glow((0, palette.Light, 0.65), (0.25, palette.Light, 0.28), (1, palette.Light, 0)));
        Circle(x, y, radius, palette.Light);
        if (!palette.IsNight) return;
        Circle(x - (radius * 0.3), y - (radius * 0.2), radius * 0.22, palette.Middle, 0.13);
        Circle(x + (radius * 0.35), y + (radius * 0.3), radius * 0.15, palette.Middle, 0.13);
        Circle(x + (radius * 0.15), y - (radius * 0.45), radius * 0.1, palette.Middle, 0.13);
    }

    public void Clouds(int count, double top, double bottom)
    {
        for (var i = 0; i < count; i++)
        {
            var (x, y, size) = (Between(0, width), Between(top, bottom), Unit * Between(0.1, 0.2));
            var fill = DemoPalette.Mix(palette.Low, palette.IsNight ? palette.Middle : "#ffffff", 0.6);
            Add($"""<g fill="{fill}" opacity="{Between(0.35, 0.75):0.##}"><rect x="{x - size:0.#}" y="{y - (size * 0.2):0.#}" width="{size * 2:0.#}" height="{size * 0.2:0.#}" rx="{size * 0.1:0.#}"/>""");
            for (var puff = -2; puff <= 2; puff++)
            {
                var high = size * (puff == 0 ? 0.34 : Between(0.14, 0.28));
                Add($"""<circle cx="{x + (puff * size * 0.34):0.#}" cy="{y - (high * 0.62):0.#}" r="{high:0.#}" clip-path="inset(-999px -999px {high * 0.38:0.#}px)"/>""");
            }

            _shapes.Append("</g>");
        }
    }

    public void Birds(double x, double y)
    {
        for (var i = 0; i < 6; i++)
        {
            var (left, top, size) = (x + (Unit * Between(-0.14, 0.14)), y + (Unit * Between(-0.06, 0.06)), Unit * Between(0.008, 0.016));
            Add($"""<path d="M{left:0.#} {top:0.#}q{size:0.#} {-size:0.#} {size * 1.2:0.#} {size * 0.2:0.#}q{size * 0.4:0.#} {-size:0.#} {size * 1.2:0.#} {-size * 0.2:0.#}" fill="none" stroke="{palette.Near}" stroke-width="{Unit * 0.0025:0.#}" stroke-linecap="round" opacity=".7"/>""");
        }
    }

    /// <summary>The heights of a line of hills from left to right: random midpoints, each step half as rough or less.</summary>
    /// <param name="roughness">0.3 for hills, 0.55 for rocks.</param>
    public double[] Ridge(double y, double rise, double roughness)
    {
        var heights = new double[RidgePoints + 1];
        (heights[0], heights[RidgePoints]) = (y + Between(-rise, rise) / 2, y + Between(-rise, rise) / 2);
        for (var (step, size) = (RidgePoints, rise); step > 1; step /= 2, size *= roughness)
            for (var at = step / 2; at < RidgePoints; at += step) heights[at] = ((heights[at - (step / 2)] + heights[at + (step / 2)]) / 2) + Between(-size, size);
        return heights;
    }

    /// <summary>The heights of a line of summits and passes.</summary>
    /// <param name="count">A power of 2: half of them are high.</param>
    public double[] Summits(double y, double rise, int count)
    {
        var step = RidgePoints / count;
        var heights = new double[RidgePoints + 1];
        for (var (at, isHigh) = (0, Chance(0.5)); at <= RidgePoints; at += step, isHigh = !isHigh) heights[at] = y + (isHigh ? -rise * Between(0.3, 1.5) : rise * Between(0, 0.7));
        for (var (part, size) = (step, rise * 2.4 / count); part > 1; part /= 2, size *= 0.55)
            for (var at = part / 2; at < RidgePoints; at += part) heights[at] = ((heights[at - (part / 2)] + heights[at + (part / 2)]) / 2) + Between(-size, size);
        return heights;
    }

    /// <summary>Snow on what is higher than a line.</summary>
    public void Snow(double[] heights, double line, string colour)
    {
        var (data, back) = (new StringBuilder(), "");
        for (var i = 0; i < heights.Length; i++)
        {
            var x = (double)width * i / (heights.Length - 1);
            data.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? 'M' : 'L')}{x:0.#} {heights[i]:0.#}");
            back = string.Create(CultureInfo.InvariantCulture, $"L{x:0.#} {Math.Max(heights[i], line + (Unit * (i % 2 == 0 ? -0.02 : 0.025) * Between(0.3, 1))):0.#}{back}");
        }

        Path($"{data}{back}z", colour, 0.85);
    }

    /// <summary>Fills what is below a line. Its foot fades into the mist.</summary>
    public void Land(double[] heights, double foot, string colour, double mist = 0.5)
    {
        var data = new StringBuilder();
        for (var i = 0; i < heights.Length; i++)
            data.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? 'M' : 'L')}{(double)width * i / (heights.Length - 1):0.#} {heights[i]:0.#}");
        Path($"{data}V{foot.ToString("0.#", CultureInfo.InvariantCulture)}H0z", Gradient(true, (0, colour, 1), (1, DemoPalette.Mix(colour, palette.Low, mist), 1)));
    }

    /// <summary>The height of a line at a place.</summary>
    public double HeightAt(double[] heights, double x)
    {
        var at = Math.Clamp(x / width * (heights.Length - 1), 0, heights.Length - 1.001);
        return heights[(int)at] + ((heights[(int)at + 1] - heights[(int)at]) * (at % 1));
    }

    public void Pine(double x, double foot, double tall, string colour)
    {
        var data = new StringBuilder();
        data.Append(CultureInfo.InvariantCulture, $"M{x:0.#} {foot - tall:0.#}");
        for (var side = 1; side >= -1; side -= 2)
            for (var tier = 0; tier < 4; tier++)
            {
                var (level, spread) = side > 0 ? (tier + 1, tall * (0.09 + (0.055 * tier))) : (4 - tier, tall * (0.09 + (0.055 * (3 - tier))));
                var y = foot - tall + (tall * 0.235 * level);
                if (side > 0) data.Append(CultureInfo.InvariantCulture, $"L{x + spread:0.#} {y:0.#}L{x + (spread * 0.45):0.#} {y - (tall * 0.03):0.#}");
                else data.Append(CultureInfo.InvariantCulture, $"L{x - (spread * 0.45):0.#} {y - (tall * 0.03):0.#}L{x - spread:0.#} {y:0.#}");
            }

        Path($"{data}z", colour);
        Box(x - (tall * 0.02), foot - (tall * 0.09), tall * 0.04, tall * 0.12, colour);
    }

    /// <summary>Water below a line, with the reflection of a part that is above it, and of the light.</summary>
    public void Water(double top, string? reflected, double lightX)
    {
        Box(0, top, width, height - top, Gradient(true, (0, DemoPalette.Mix(palette.Low, palette.Far, 0.25), 1), (1, DemoPalette.Mix(palette.Top, palette.Near, 0.55), 1)));
        if (reflected is not null)
        {
            var clip = $"c{_ids++}";
            _definitions.Append(CultureInfo.InvariantCulture, $"""<clipPath id="{clip}"><rect y="{top:0.#}" width="{width}" height="{height - top:0.#}"/></clipPath>""");
            Add($"""<g clip-path="url(#{clip})" opacity=".4"><use href="#{reflected}" transform="translate(0 {top * 2:0.#})scale(1 -1)"/></g>""");
        }

        for (var i = 0; i < 34; i++)
        {
            var depth = i / 34.0;
            var (y, length) = (top + ((height - top) * Math.Pow(depth, 1.4)) + 2, Unit * Between(0.02, 0.05 + (0.16 * depth)));
            Box(lightX + (Unit * Between(-0.05, 0.05) * (1 + (2 * depth))) - (length / 2), y, length, Unit * (0.0018 + (0.003 * depth)), palette.Light, 0.75 - (0.5 * depth));
            Box(Between(-0.1 * width, width), y, length * 1.8, Unit * 0.0016, palette.Low, 0.22);
        }
    }

    private static string Stops((double At, string Colour, double Opacity)[] stops) => string.Concat(stops.Select(stop =>
        string.Create(CultureInfo.InvariantCulture, $"""<stop offset="{stop.At:0.##}" stop-color="{stop.Colour}" stop-opacity="{stop.Opacity:0.##}"/>""")));
}
