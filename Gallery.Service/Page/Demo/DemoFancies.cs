using System.Text;
using static System.FormattableString;

namespace Gallery.Service.Page.Demo;

/// <summary>Scenes that people built or dreamt.</summary>
internal static class DemoFancies
{
    public static void City(DemoCanvas on)
    {
        var shore = on.Height * 0.74;
        var light = DemoLandscapes.Sky(on, 0.36, 0.14);
        if (!on.Palette.IsNight) on.Clouds(2, on.Height * 0.1, on.Height * 0.3);
        var city = on.Group(() =>
        {
            for (var row = 0; row < 3; row++) Houses(on, shore, row);
        });
        on.Water(shore, city, light);
    }

    public static void Planets(DemoCanvas on)
    {
        var dark = DemoPalette.Mix(on.Palette.Top, "#05060f", on.Palette.IsNight ? 0.5 : 0.72);
        on.Box(0, 0, on.Width, on.Height, on.Gradient(true, (0, dark, 1), (1, DemoPalette.Mix(on.Palette.Middle, "#0a0a1a", 0.7), 1)));
        for (var i = 0; i < 5; i++)
            on.Circle(on.Between(0, on.Width), on.Between(0, on.Height), on.Unit * on.Between(0.3, 0.6), on.Glow((0, i % 2 == 0 ? on.Palette.Middle : on.Palette.Accent, 0.32), (1, on.Palette.Middle, 0)));
        on.Stars(190, 1);
        var (x, y, radius, tilt) = (on.Width / 2, on.Height * 0.5, on.Unit * on.Between(0.2, 0.25), on.Between(-24, 24));
        var (one, other) = (DemoPalette.Mix(on.Palette.Low, on.Palette.Accent, on.Between(0.1, 0.4)), DemoPalette.Mix(on.Palette.Far, on.Palette.Middle, 0.3));
        on.Circle(x, y, radius * 1.9, on.Glow((0.4, one, 0.45), (1, one, 0)));
        on.Add($"""<g transform="rotate({tilt:0.#} {x:0.#} {y:0.#})">""");
        Ring(on, x, y, radius, 0);
        on.Circle(x, y, radius, on.Gradient(true, (0, one, 1), (0.22, one, 1), (0.24, other, 1), (0.36, other, 1), (0.38, one, 1), (0.55, DemoPalette.Mix(one, other, 0.4), 1), (0.57, other, 1), (0.7, other, 1), (0.73, one, 1), (1, DemoPalette.Mix(one, other, 0.7), 1)));
        on.Circle(x, y, radius, on.Gradient(false, (0, "#ffffff", 0.25), (0.35, dark, 0), (0.95, dark, 0.9)));
        Ring(on, x, y, radius, 1);
        on.Add($"</g>");
        for (var i = 0; i < 3; i++)
        {
            var (moonX, moonY, size) = (x + (on.Unit * ((0.42 * (i - 1)) + on.Between(-0.05, 0.05))), y + (on.Unit * (i == 1 ? -0.38 : on.Between(0.2, 0.34))), on.Unit * on.Between(0.014, 0.05));
            on.Circle(moonX, moonY, size, on.Gradient(false, (0, on.Palette.Light, 1), (0.4, other, 1), (1, dark, 1)));
        }
    }

    public static void Balloons(DemoCanvas on)
    {
        DemoLandscapes.Sky(on, 0.62, 0.09);
        on.Clouds(4, on.Height * 0.15, on.Height * 0.6);
        DemoLandscapes.Peaks(on, on.Height, [(0.74, 0.07, 0.45), (0.82, 0.05, 0.42), (0.92, 0.04, 0.4)]);
        string[] colours = [on.Palette.Accent, "#ffffff", on.Palette.Top, on.Palette.Near, DemoPalette.Mix(on.Palette.Accent, on.Palette.Light, 0.5)];
        (double X, double Y, double Size)[] places = [(-0.36, 0.5, 0.06), (0.34, 0.58, 0.05), (0.3, 0.22, 0.11), (-0.28, 0.24, 0.13), (0.02, 0.4, 0.2)];
        for (var i = 0; i < places.Length; i++)
        {
            var (x, y) = ((on.Width / 2) + (on.Unit * (places[i].X + on.Between(-0.05, 0.05))), on.Height * (places[i].Y + on.Between(-0.04, 0.04)));
            Balloon(on, x, y, on.Unit * places[i].Size, colours[i], colours[(i + 1 + (int)on.Between(0, 3)) % colours.Length]);
        }
    }

    public static void Aurora(DemoCanvas on)
    {
        var sky = DemoPalette.Mix(on.Palette.Top, "#050a1c", on.Palette.IsNight ? 0.35 : 0.78);
        on.Box(0, 0, on.Width, on.Height, on.Gradient(true, (0, sky, 1), (0.75, DemoPalette.Mix(on.Palette.Middle, sky, 0.62), 1)));
        on.Stars(150, 0.65);
        string[] lights = ["#4cffb0", DemoPalette.Mix("#4cffb0", on.Palette.Accent, 0.5), on.Palette.Low, "#7c5cff"];
        for (var ribbon = 0; ribbon < 4; ribbon++)
        {
            var (y, start) = (on.Height * (0.34 + (0.07 * ribbon)), on.Between(0, 6));
            var curtain = on.Gradient(true, (0, lights[ribbon], 0), (0.7, lights[ribbon], 0.35), (0.95, DemoPalette.Mix(lights[ribbon], "#ffffff", 0.35), 0.7), (1, lights[ribbon], 0));
            for (var ray = 0; ray < 48; ray++)
            {
                var (x, at) = (on.Width * ray / 48, start + (ray * 0.13));
                var (bottom, tall) = (y + (on.Unit * 0.075 * Math.Sin(at)), on.Unit * (0.26 + (0.09 * Math.Sin(at * 2.3)) + on.Between(-0.025, 0.025)));
                on.Box(x, bottom - tall, on.Width / 48, tall, curtain, 0.45 + (0.4 * Math.Sin((at * 0.8) + ribbon) * Math.Sin((at * 0.8) + ribbon)));
            }
        }

        on.Land(on.Ridge(on.Height * 0.68, on.Unit * 0.1, 0.5), on.Height, DemoPalette.Mix(sky, "#cfe3f5", 0.22), 0);
        var snow = on.Ridge(on.Height * 0.8, on.Unit * 0.025, 0.4);
        for (var i = 0; i < 26; i++)
        {
            var x = on.Width * i / 25;
            if (Math.Abs(x - (on.Width / 2)) > on.Unit * 0.12) on.Pine(x, on.HeightAt(snow, x) + 6, on.Unit * on.Between(0.1, 0.24), DemoPalette.Mix(sky, "#000308", 0.45));
        }

        on.Land(snow, on.Height, DemoPalette.Mix("#dcebf7", sky, 0.3), 0.1);
        var (left, foot, size) = ((on.Width / 2) - (on.Unit * 0.08), on.HeightAt(snow, on.Width / 2) + (on.Unit * 0.02), on.Unit * 0.16);
        on.Circle(left + (size / 2), foot - (size * 0.25), size * 1.3, on.Glow((0, "#ffc66b", 0.5), (1, "#ffc66b", 0)));
        on.Box(left, foot - (size * 0.5), size, size * 0.5, "#3a2320");
        on.Path(Invariant($"M{left - (size * 0.15):0.#} {foot - (size * 0.46):0.#}L{left + (size / 2):0.#} {foot - (size * 0.95):0.#}L{left + (size * 1.15):0.#} {foot - (size * 0.46):0.#}z"), "#e9f2fa");
        on.Box(left + (size * 0.16), foot - (size * 0.36), size * 0.22, size * 0.2, "#ffd27a");
        on.Box(left + (size * 0.62), foot - (size * 0.38), size * 0.2, size * 0.38, "#ffb84d", 0.85);
    }

    public static void Pattern(DemoCanvas on)
    {
        string[] colours = [on.Palette.Near, on.Palette.Low, on.Palette.Accent, on.Palette.Middle, on.Palette.Far, on.Palette.Light, on.Palette.Top];
        string Pick() => colours[(int)on.Between(0, colours.Length - 0.001)];
        var tile = on.Unit / 4;
        on.Box(0, 0, on.Width, on.Height, on.Palette.Low);
        for (var y = 0.0; y < on.Height - 1; y += tile)
            for (var x = 0.0; x < on.Width - 1; x += tile)
            {
                on.Box(x, y, tile, tile, Pick());
                var fill = Pick();
                switch ((int)on.Between(0, 5))
                {
                    case 0:
                        on.Path(Invariant($"M{x} {y}h{tile}a{tile} {tile} 0 0 1 {-tile} {tile}z"), fill);
                        break;
                    case 1:
                        on.Path(Invariant($"M{x + tile} {y + tile}h{-tile}a{tile} {tile} 0 0 1 {tile} {-tile}z"), fill);
                        break;
                    case 2:
                        on.Circle(x + (tile / 2), y + (tile / 2), tile * 0.38, fill);
                        on.Circle(x + (tile / 2), y + (tile / 2), tile * 0.16, Pick());
                        break;
                    case 3:
                        on.Path(Invariant($"M{x} {y + (tile / 2)}a{tile / 2} {tile / 2} 0 0 1 {tile} 0zM{x} {y + tile}a{tile / 2} {tile / 2} 0 0 1 {tile} 0z"), fill);
                        break;
                    default:
                        on.Path(Invariant($"M{x} {y}l{tile} {tile}H{x}z"), fill);
                        break;
                }
            }
    }

    private static void Houses(DemoCanvas on, double foot, int row)
    {
        var (walls, windows) = (new StringBuilder(), new StringBuilder());
        for (var x = -on.Unit * on.Between(0, 0.05); x < on.Width;)
        {
            var wide = on.Unit * on.Between(0.05, 0.1);
            var centre = 1 - Math.Min(1, Math.Abs(x + (wide / 2) - (on.Width / 2)) / (on.Unit * 0.7));
            var tall = on.Unit * on.Between(0.1, 0.26) * (1.25 - (0.3 * row)) * (0.7 + (0.75 * centre));
            walls.Append(Invariant($"M{x:0.#} {foot:0.#}v{-tall:0.#}"));
            if (on.Chance(0.2)) walls.Append(Invariant($"l{wide / 2:0.#} {-wide * 0.8:0.#}l{wide / 2:0.#} {wide * 0.8:0.#}"));
            else if (on.Chance(0.25)) walls.Append(Invariant($"h{wide * 0.45:0.#}v{-wide * 0.9:0.#}h{wide * 0.1:0.#}v{wide * 0.9:0.#}h{wide * 0.45:0.#}"));
            else walls.Append(Invariant($"h{wide:0.#}"));
            walls.Append(Invariant($"v{tall:0.#}z"));
            if (row > 0)
            {
                var pane = wide / 7;
                for (var up = 1; up * pane * 1.7 < tall - pane && up < 26; up++)
                    for (var at = 0; at < 3; at++)
                        if (on.Chance(on.Palette.IsNight ? 0.5 : 0.3)) windows.Append(Invariant($"M{x + (pane * (1 + (2 * at))):0.#} {foot - tall + (up * pane * 1.7):0.#}h{pane:0.#}v{pane * 0.9:0.#}h{-pane:0.#}z"));
            }

            x += wide + (on.Unit * on.Between(-0.008, 0.012));
        }

        var colour = on.Palette.Layer(0.25 + (0.34 * row));
        on.Path($"{walls}", on.Gradient(true, (0, colour, 1), (1, DemoPalette.Mix(colour, on.Palette.Low, 0.4 - (0.16 * row)), 1)));
        on.Path($"{windows}M0 0", DemoPalette.Mix(on.Palette.Light, "#ffd27a", 0.5), on.Palette.IsNight ? 0.9 : 0.65);
    }

    /// <param name="half">0: the half behind the planet. 1: the half before it.</param>
    private static void Ring(DemoCanvas on, double x, double y, double radius, int half)
    {
        for (var ring = 0; ring < 4; ring++)
        {
            var wide = radius * (1.45 + (0.16 * ring));
            on.Add($"""<path d="M{x - wide:0.#} {y:0.#}A{wide:0.#} {wide * 0.24:0.#} 0 0 {1 - half} {x + wide:0.#} {y:0.#}" fill="none" stroke="{(ring % 2 == 0 ? on.Palette.Low : on.Palette.Light)}" stroke-width="{radius * (ring == 2 ? 0.05 : 0.11):0.#}" opacity="{0.8 - (0.13 * ring):0.##}"/>""");
        }
    }

    private static void Balloon(DemoCanvas on, double x, double y, double size, string one, string other)
    {
        string Skin(double wide) => Invariant($"M{x:0.#} {y + (size * 1.25):0.#}C{x - (wide * 0.2):0.#} {y + (size * 1.2):0.#} {x - wide:0.#} {y + (size * 0.6):0.#} {x - wide:0.#} {y:0.#}A{wide:0.#} {size:0.#} 0 0 1 {x + wide:0.#} {y:0.#}C{x + wide:0.#} {y + (size * 0.6):0.#} {x + (wide * 0.2):0.#} {y + (size * 1.2):0.#} {x:0.#} {y + (size * 1.25):0.#}z");
        on.Path(Skin(size), one);
        on.Path(Skin(size * 0.72), other);
        on.Path(Skin(size * 0.42), one);
        on.Path(Skin(size * 0.14), other);
        on.Path(Skin(size), on.Gradient(false, (0, "#ffffff", 0.28), (0.45, "#ffffff", 0), (1, on.Palette.Near, 0.5)));
        on.Add($"""<path d="M{x - (size * 0.12):0.#} {y + (size * 1.2):0.#}L{x - (size * 0.1):0.#} {y + (size * 1.5):0.#}M{x + (size * 0.12):0.#} {y + (size * 1.2):0.#}L{x + (size * 0.1):0.#} {y + (size * 1.5):0.#}" stroke="{on.Palette.Near}" stroke-width="{size * 0.02:0.#}"/>""");
        on.Box(x - (size * 0.13), y + (size * 1.46), size * 0.26, size * 0.2, DemoPalette.Mix(on.Palette.Near, "#a0522d", 0.45));
    }
}
