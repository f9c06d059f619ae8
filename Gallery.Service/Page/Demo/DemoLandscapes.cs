using static System.FormattableString;

namespace Gallery.Service.Page.Demo;

/// <summary>Scenes on land.</summary>
internal static class DemoLandscapes
{
    public static void Mountains(DemoCanvas on)
    {
        var light = Sky(on, 0.24);
        on.Clouds(3, on.Height * 0.12, on.Height * 0.34);
        Alps(on, on.Height, 0.5, 3);
        on.Birds(light, on.Height * 0.36);
        Pines(on, 0.86, 0.06, 0.92, 46);
    }

    public static void Lake(DemoCanvas on)
    {
        var light = Sky(on, 0.26);
        var shore = on.Height * 0.64;
        var land = on.Group(() =>
        {
            Alps(on, shore, 0.46, 2);
            var bank = on.Ridge(shore - (on.Unit * 0.03), on.Unit * 0.03, 0.5);
            for (var i = 0; i < 46; i++)
            {
                var x = on.Between(0, on.Width);
                on.Pine(x, on.HeightAt(bank, x) + 4, on.Unit * on.Between(0.04, 0.1), on.Palette.Layer(0.85));
            }

            on.Land(bank, shore, on.Palette.Layer(0.85), 0.1);
        });
        on.Water(shore, land, light);
        on.Land(on.Ridge(on.Height * 0.97, on.Unit * 0.05, 0.5), on.Height, on.Palette.Near, 0);
    }

    public static void Forest(DemoCanvas on)
    {
        Sky(on, 0.3);
        for (var layer = 0; layer < 5; layer++) Pines(on, 0.46 + (0.125 * layer), 0.07, 0.12 + (0.22 * layer), 34 - (5 * layer), 0.14 + (0.055 * layer));
    }

    public static void Desert(DemoCanvas on)
    {
        Sky(on, 0.36, 0.1);
        on.Land(on.Ridge(on.Height * 0.56, on.Unit * 0.05, 0.6), on.Height, on.Palette.Layer(0.12), 0.6);
        for (var dune = 0; dune < 4; dune++)
        {
            var (foot, near, crest) = (on.Height * (0.6 + (0.1 * dune)), 0.2 + (0.2 * dune), on.Width * on.Between(0.25, 0.75));
            var top = foot - (on.Unit * on.Between(0.05, 0.11));
            var sand = DemoPalette.Mix(on.Palette.Layer(near), on.Palette.Light, 0.32 - (0.06 * dune));
            on.Path(
                Invariant($"M0 {foot:0.#}C{crest * 0.5:0.#} {foot:0.#} {crest * 0.7:0.#} {top:0.#} {crest:0.#} {top:0.#}S{crest + ((on.Width - crest) * 0.6):0.#} {foot + (on.Unit * 0.05):0.#} {on.Width} {foot - (on.Unit * 0.02):0.#}V{on.Height}H0z"),
                on.Gradient(true, (0, sand, 1), (1, DemoPalette.Mix(sand, on.Palette.Near, 0.4), 1)));
            // The side of the dune that the light does not reach.
            on.Path(
                Invariant($"M{crest:0.#} {top:0.#}S{crest + ((on.Width - crest) * 0.6):0.#} {foot + (on.Unit * 0.05):0.#} {on.Width} {foot - (on.Unit * 0.02):0.#}V{on.Height}H{crest + (on.Unit * 0.05):0.#}C{crest + (on.Unit * 0.2):0.#} {foot + (on.Unit * 0.2):0.#} {crest - (on.Unit * 0.14):0.#} {foot:0.#} {crest:0.#} {top:0.#}z"),
                on.Gradient(true, (0, on.Palette.Near, 0.38), (1, on.Palette.Near, 0)));
        }

        for (var i = 0; i < 3; i++) Cactus(on, on.Width / 2 + (on.Unit * (-0.3 + (0.3 * i) + on.Between(-0.05, 0.05))), on.Height * on.Between(0.82, 0.95), on.Unit * on.Between(0.12, 0.24));
    }

    /// <summary>The sky and its light. Returns where the light is, from the left.</summary>
    public static double Sky(DemoCanvas on, double lightAt, double radius = 0.065)
    {
        on.Sky();
        var x = (on.Width / 2) + (on.Unit * on.Between(-0.26, 0.26));
        on.Light(x, on.Height * lightAt, on.Unit * radius);
        return x;
    }

    /// <summary>Layers of rocks, the farthest first.</summary>
    public static void Peaks(DemoCanvas on, double foot, (double Y, double Rise, double Roughness)[] layers)
    {
        for (var i = 0; i < layers.Length; i++)
            on.Land(on.Ridge(on.Height * layers[i].Y, on.Unit * layers[i].Rise, layers[i].Roughness), foot, on.Palette.Layer((i + 0.4) / (layers.Length + 0.7)), 0.72 - (0.12 * i));
    }

    /// <summary>Mountains with snow on the farther ones.</summary>
    private static void Alps(DemoCanvas on, double foot, double y, int layers)
    {
        for (var i = 0; i < layers; i++)
        {
            var (line, rise) = (on.Height * (y + (0.09 * i)), on.Unit * (0.17 - (0.035 * i)));
            var (heights, colour) = (on.Summits(line, rise, i == 0 ? 4 : 8), on.Palette.Layer((i + 0.5) / (layers + 0.9)));
            on.Land(heights, foot, colour, 0.72 - (0.12 * i));
            if (i < 2) on.Snow(heights, line - (rise * 0.4), DemoPalette.Mix(colour, on.Palette.Light, 0.75 - (0.2 * i)));
        }
    }

    private static void Pines(DemoCanvas on, double y, double rise, double near, int count, double tall = 0.13)
    {
        var ground = on.Ridge(on.Height * y, on.Unit * rise, 0.45);
        var colour = on.Palette.Layer(near);
        for (var i = 0; i < count; i++)
        {
            var x = on.Width * (i + on.Between(-0.4, 0.6)) / (count - 1);
            on.Pine(x, on.HeightAt(ground, x) + (on.Unit * 0.012), on.Unit * tall * on.Between(0.55, 1.1), colour);
        }

        on.Land(ground, on.Height, colour, near > 0.85 ? 0.05 : 0.5);
    }

    private static void Cactus(DemoCanvas on, double x, double foot, double tall)
    {
        var (stem, colour) = (tall * 0.16, on.Palette.Near);
        on.Add($"""<g fill="none" stroke="{colour}" stroke-linecap="round" stroke-linejoin="round"><path d="M{x:0.#} {foot:0.#}V{foot - tall:0.#}" stroke-width="{stem:0.#}"/><path d="M{x:0.#} {foot - (tall * 0.35):0.#}h{-tall * 0.26:0.#}v{-tall * 0.25:0.#}M{x:0.#} {foot - (tall * 0.48):0.#}h{tall * 0.27:0.#}v{-tall * 0.28:0.#}" stroke-width="{stem * 0.72:0.#}"/></g>""");
        on.Add($"""<ellipse cx="{x + (tall * 0.25):0.#}" cy="{foot:0.#}" rx="{tall * 0.45:0.#}" ry="{tall * 0.035:0.#}" fill="{colour}" opacity=".35"/>""");
    }
}
