using System.Text;
using static System.FormattableString;

namespace Gallery.Service.Page.Demo;

/// <summary>Scenes at sea.</summary>
internal static class DemoSeascapes
{
    public static void Lighthouse(DemoCanvas on)
    {
        var sea = on.Height * 0.66;
        var light = DemoLandscapes.Sky(on, 0.5, 0.075);
        on.Clouds(3, on.Height * 0.12, on.Height * 0.4);
        on.Water(sea, null, light);
        var side = on.Chance(0.5) ? 1 : -1;
        var (x, foot, tall) = ((on.Width / 2) + (side * on.Unit * 0.16), on.Height * 0.64, on.Unit * 0.36);
        var (top, colour) = (foot - tall, on.Palette.Near);
        var (near, far) = (on.Palette.IsNight ? 0.75 : 0.4, on.Unit * 0.9);
        var beam = on.Gradient(false, side > 0 ? [(0, on.Palette.Light, 0), (1, on.Palette.Light, near)] : [(0, on.Palette.Light, near), (1, on.Palette.Light, 0)]);
        on.Path(Invariant($"M{x:0.#} {top - 6:0.#}L{x - (side * far):0.#} {top - (on.Unit * 0.16):0.#}V{top + (on.Unit * 0.08):0.#}z"), beam);
        // The rock, out of the picture on the tower's side.
        var (edge, shore) = (side > 0 ? on.Width : 0, x - (side * on.Unit * 0.26));
        on.Path(
            Invariant($"M{shore:0.#} {sea + (on.Unit * 0.12):0.#}L{shore + (side * on.Unit * 0.05):0.#} {sea + (on.Unit * 0.02):0.#}l{side * on.Unit * 0.05:0.#} {-on.Unit * 0.015:0.#}l{side * on.Unit * 0.05:0.#} {-on.Unit * 0.04:0.#}L{x - (side * on.Unit * 0.07):0.#} {foot:0.#}H{x + (side * on.Unit * 0.08):0.#}L{x + (side * on.Unit * 0.17):0.#} {foot + (on.Unit * 0.03):0.#}L{edge} {foot - (on.Unit * 0.03):0.#}V{on.Height}H{shore - (side * on.Unit * 0.1):0.#}z"),
            on.Gradient(true, (0, DemoPalette.Mix(colour, on.Palette.Far, 0.35), 1), (0.6, colour, 1)));
        var (low, high) = (on.Unit * 0.048, on.Unit * 0.03);
        on.Box(x + (side * on.Unit * 0.045) - (on.Unit * 0.05), foot - (on.Unit * 0.055), on.Unit * 0.13, on.Unit * 0.06, DemoPalette.Mix(colour, "#ffffff", 0.55));
        on.Path(Invariant($"M{x + (side * on.Unit * 0.045) - (on.Unit * 0.06):0.#} {foot - (on.Unit * 0.052):0.#}l{on.Unit * 0.075:0.#} {-on.Unit * 0.05:0.#}l{on.Unit * 0.075:0.#} {on.Unit * 0.05:0.#}z"), on.Palette.Accent);
        for (var stripe = 0; stripe < 6; stripe++)
        {
            double At(double part) => low + ((high - low) * part);
            var (from, to) = (stripe / 6.0, (stripe + 1) / 6.0);
            on.Path(
                Invariant($"M{x - At(from):0.#} {foot - (tall * from):0.#}L{x - At(to):0.#} {foot - (tall * to):0.#}H{x + At(to):0.#}L{x + At(from):0.#} {foot - (tall * from):0.#}z"),
                stripe % 2 == 0 ? on.Gradient(false, (0, "#ffffff", 1), (1, DemoPalette.Mix("#ffffff", colour, 0.45), 1)) : on.Gradient(false, (0, on.Palette.Accent, 1), (1, DemoPalette.Mix(on.Palette.Accent, colour, 0.5), 1)));
        }

        on.Box(x - (high * 1.5), top - 4, high * 3, on.Unit * 0.012, colour);
        on.Box(x - (high * 0.75), top - (on.Unit * 0.05), high * 1.5, on.Unit * 0.05, on.Palette.Light);
        on.Circle(x, top - (on.Unit * 0.025), on.Unit * 0.17, on.Glow((0, on.Palette.Light, 0.85), (1, on.Palette.Light, 0)));
        on.Path(Invariant($"M{x - high:0.#} {top - (on.Unit * 0.05):0.#}a{high:0.#} {high:0.#} 0 0 1 {high * 2:0.#} 0z"), colour);
        on.Birds((on.Width / 2) - (side * on.Unit * 0.15), on.Height * 0.28);
    }

    public static void Sailing(DemoCanvas on)
    {
        var sea = on.Height * 0.6;
        var light = DemoLandscapes.Sky(on, 0.46, 0.085);
        on.Clouds(4, on.Height * 0.1, on.Height * 0.42);
        var all = on.Group(() =>
        {
            on.Land(on.Ridge(sea - (on.Unit * 0.035), on.Unit * 0.04, 0.5), sea, on.Palette.Layer(0.25), 0.5);
            if (on.Chance(0.6)) Boat(on, (on.Width / 2) + (on.Unit * on.Between(0.2, 0.34)), sea, on.Unit * 0.12, "#ffffff");
        });
        on.Water(sea, all, light);
        Boat(on, (on.Width / 2) - (on.Unit * on.Between(0, 0.16)), on.Height * 0.76, on.Unit * 0.36, DemoPalette.Mix(on.Palette.Accent, "#ffffff", on.Chance(0.5) ? 0.1 : 0.85));
    }

    public static void Waves(DemoCanvas on)
    {
        on.Sky();
        on.Light((on.Width / 2) + (on.Unit * on.Between(-0.15, 0.15)), on.Height * 0.4, on.Unit * 0.19);
        for (var row = 0; row < 8; row++)
        {
            var (y, length, high) = (on.Height * (0.46 + (0.075 * row)), on.Unit * (0.24 + (0.045 * row)), on.Unit * (0.035 + (0.01 * row)));
            var start = -length * on.Between(0.2, 1);
            var data = new StringBuilder(Invariant($"M{start:0.#} {y:0.#}"));
            for (var x = start; x < on.Width; x += length)   // a crest that leans forward
                data.Append(Invariant($"c{length * 0.25:0.#} 0 {length * 0.42:0.#} {-high * 2.2:0.#} {length * 0.66:0.#} {-high * 1.9:0.#}c{-length * 0.1:0.#} {high * 0.5:0.#} {length * 0.02:0.#} {high * 1.9:0.#} {length * 0.34:0.#} {high * 1.9:0.#}"));
            var colour = row % 3 == 1 ? DemoPalette.Mix(on.Palette.Accent, on.Palette.Layer(0.3 + (0.09 * row)), 0.45) : DemoPalette.Mix(on.Palette.Layer(0.1 + (0.12 * row)), on.Palette.Middle, 0.3);
            on.Add($"""<path d="{data}V{on.Height}H0z" fill="{on.Gradient(true, (0, DemoPalette.Mix(colour, "#ffffff", 0.22), 1), (0.5, colour, 1))}"/>""");
            on.Add($"""<path d="{data}" fill="none" stroke="{on.Palette.Light}" stroke-width="{on.Unit * 0.006:0.#}" opacity=".75"/>""");
        }
    }

    private static void Boat(DemoCanvas on, double x, double water, double tall, string sail)
    {
        void Draw(double direction, double opacity)
        {
            var (hull, mast) = (tall * 0.34, water - (direction * tall));
            var foot = water - (direction * tall * 0.1);
            on.Path(Invariant($"M{x - hull:0.#} {foot:0.#}H{x + (hull * 1.1):0.#}L{x + (hull * 0.75):0.#} {water:0.#}H{x - (hull * 0.7):0.#}z"), on.Palette.Near, opacity);
            on.Path(Invariant($"M{x - (tall * 0.02):0.#} {foot - (direction * tall * 0.05):0.#}V{mast:0.#}C{x + (tall * 0.28):0.#} {water - (direction * tall * 0.6):0.#} {x + (tall * 0.34):0.#} {water - (direction * tall * 0.35):0.#} {x + (tall * 0.34):0.#} {foot - (direction * tall * 0.05):0.#}z"), on.Gradient(false, (0, sail, 1), (1, DemoPalette.Mix(sail, on.Palette.Near, 0.35), 1)), opacity);
            on.Path(Invariant($"M{x - (tall * 0.05):0.#} {foot - (direction * tall * 0.05):0.#}V{water - (direction * tall * 0.88):0.#}C{x - (tall * 0.12):0.#} {water - (direction * tall * 0.5):0.#} {x - (tall * 0.24):0.#} {water - (direction * tall * 0.3):0.#} {x - (tall * 0.3):0.#} {foot - (direction * tall * 0.05):0.#}z"), DemoPalette.Mix(sail, "#ffffff", 0.45), opacity);
        }

        Draw(-0.7, 0.25);
        Draw(1, 1);
        on.Box(x - (tall * 0.5), water - 1, tall, tall * 0.012, on.Palette.Light, 0.6);
    }
}
