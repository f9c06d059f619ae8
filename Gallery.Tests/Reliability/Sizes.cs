using System.Globalization;

namespace Gallery.Tests.Reliability;

/// <summary>Durations of the tests under load: short in an ordinary run, long if <c>GALLERY_TEST_MINUTES</c> is set.</summary>
internal static class Sizes
{
    private static readonly double? Minutes =
        Environment.GetEnvironmentVariable("GALLERY_TEST_MINUTES") is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>The load before a fault and after it.</summary>
    public static TimeSpan Calm { get; } = TimeSpan.FromSeconds(Minutes is null ? 1.5 : 5);

    /// <summary>The duration of a fault.</summary>
    public static TimeSpan Fault { get; } = TimeSpan.FromSeconds(Minutes is null ? 2 : 5);

    /// <summary>Longer than the service waits for its database.</summary>
    public static TimeSpan Hang { get; } = TimeSpan.FromSeconds(Minutes is null ? 4 : 10);

    /// <summary>How long strangers hold connections open.</summary>
    public static TimeSpan Hold { get; } = TimeSpan.FromSeconds(Minutes is null ? 15 : 60);

    /// <summary>Long enough for the heap to reach its working size in the first third.</summary>
    public static TimeSpan Soak { get; } = Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : TimeSpan.FromSeconds(45);
}
