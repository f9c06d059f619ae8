using System.Globalization;

namespace Gallery.Tests.Reliability;

/// <summary>How long the tests under load take: short in every run of the suite, long where <c>GALLERY_TEST_MINUTES</c> is set.</summary>
internal static class Sizes
{
    private static readonly double? Minutes =
        Environment.GetEnvironmentVariable("GALLERY_TEST_MINUTES") is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>The load before a fault, and again after it.</summary>
    public static TimeSpan Calm { get; } = TimeSpan.FromSeconds(Minutes is null ? 1.5 : 5);

    /// <summary>A fault that lasts.</summary>
    public static TimeSpan Fault { get; } = TimeSpan.FromSeconds(Minutes is null ? 2 : 5);

    /// <summary>Longer than the service waits for its database, in any case.</summary>
    public static TimeSpan Hang { get; } = TimeSpan.FromSeconds(Minutes is null ? 4 : 10);

    public static TimeSpan Soak { get; } = Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : TimeSpan.FromSeconds(20);
}
