using System.Globalization;

namespace Gallery.Service.Page.Demo;

/// <summary>The colours of a time of day, as <c>#rrggbb</c>, and how a prompt speaks of it.</summary>
/// <param name="Top">The sky, from its top …</param>
/// <param name="Middle">… by its middle …</param>
/// <param name="Low">… to the horizon.</param>
/// <param name="Light">The sun or the moon.</param>
/// <param name="Far">The most distant layer of land.</param>
/// <param name="Near">The nearest one.</param>
/// <param name="Accent">A sail, a window, a balloon.</param>
/// <param name="IsNight">Whether there are stars and a moon.</param>
internal sealed record DemoPalette(string Top, string Middle, string Low, string Light, string Far, string Near, string Accent, bool IsNight, string[] Words)
{
    public static readonly DemoPalette[] All =
    [
        new("#31467a", "#e58a94", "#ffdca6", "#fff3d1", "#c493a4", "#2b2444", "#ff6f61", false, ["at dawn", "in the first light of the day", "just before sunrise"]),
        new("#e8743b", "#f7a55b", "#ffe3a3", "#fff8dc", "#e29a63", "#4a1f2b", "#c1272d", false, ["at golden hour", "in warm evening light", "at sunset"]),
        new("#2f7fc1", "#86c5e8", "#eaf6f3", "#fffbe6", "#a3cbd6", "#17495c", "#ff8a3d", false, ["on a clear day", "under a wide blue sky", "in bright morning light"]),
        new("#1b1c47", "#6a2f78", "#ff8a5c", "#ffd9a8", "#7d4a86", "#150f2e", "#ffb347", false, ["at dusk", "in the last light", "under a violet sky"]),
        new("#060c22", "#12264f", "#34608c", "#f4f1de", "#35587f", "#060d1d", "#ffd166", true, ["under a full moon", "on a starry night", "at midnight"]),
        new("#93a7b3", "#bfcdd3", "#eef1ee", "#ffffff", "#aebec5", "#33464f", "#d1495b", false, ["in the fog", "on a misty morning", "in soft grey light"]),
        new("#e9aec9", "#f7d3d3", "#fff3e2", "#ffffff", "#d3a2c4", "#5d4272", "#5fa8a3", false, ["in pastel colours", "in soft pink light", "in spring"]),
        new("#03201f", "#0c4f4a", "#6fcba6", "#f1ffe7", "#2c7f74", "#031413", "#f4d35e", true, ["in emerald light", "on a green summer night", "under a teal sky"]),
        new("#14082b", "#4b1270", "#ff4f9a", "#ffd6ec", "#6a2a8f", "#0c0519", "#2de2e6", true, ["in neon light", "in a synthwave mood", "in magenta and cyan"]),
    ];

    /// <summary>The layer at this distance: 0 is the farthest, 1 the nearest.</summary>
    public string Layer(double nearness) => Mix(Far, Near, nearness);

    /// <param name="part">How much of the second colour, 0 to 1.</param>
    public static string Mix(string one, string other, double part)
    {
        var mixed = "#";
        for (var at = 1; at < 7; at += 2) mixed += ((int)Math.Round(Read(one, at) + ((Read(other, at) - Read(one, at)) * part))).ToString("x2", CultureInfo.InvariantCulture);
        return mixed;

        static int Read(string colour, int at) => int.Parse(colour.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
