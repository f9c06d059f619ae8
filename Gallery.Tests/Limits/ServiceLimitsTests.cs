using System.Text.RegularExpressions;
using Gallery.Service.Limits;
using Gallery.Sql.Database;
using Gallery.Tests.Readme;
using Gallery.Tests.Settings;

namespace Gallery.Tests.Limits;

/// <summary>The settings of the limits: what they take, and what they refuse.</summary>
public sealed partial class ServiceLimitsTests
{
    [Fact]
    public void Its_defaults_are_those_of_the_example_file()
    {
        var lines = Lines().Matches(Repository.Read(".env.example")).Select(line => line.Groups[1].Value).ToArray();
        string[] listed = [.. lines.Select(line => line.Split('=')[0])];

        Assert.Superset(new HashSet<string>(Ranges.Select(range => range.Data.Item1)), new HashSet<string>(listed));
        Assert.Equal(ServiceLimits.From(Given.Settings()) with { TrustedProxies = [] }, ServiceLimits.From(Given.Settings(lines)) with { TrustedProxies = [] });
    }

    [Fact]
    public void A_body_may_have_256_kilobytes_and_nobody_is_counted_by_default()
    {
        var limits = ServiceLimits.From(Given.Settings());

        Assert.Equal((262_144, 0, 0), (limits.BodyBytes, limits.RequestsPerSecond, limits.TrustedProxies.Count));
    }

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Each_setting_takes_the_ends_of_its_range_and_nothing_past_them(string name, int minimum, int maximum)
    {
        // Where one encloses the other, the other gives way.
        string[] others = name switch
        {
            "GALLERY_REQUEST_TIMEOUT" => ["GALLERY_SHUTDOWN_TIMEOUT=61"],
            "GALLERY_SHUTDOWN_TIMEOUT" => ["GALLERY_REQUEST_TIMEOUT=3"],
            _ => [],
        };
        string[] With(string value) => [.. others, $"{name}={value}"];

        ServiceLimits.From(Given.Settings(With($"{minimum}")));
        ServiceLimits.From(Given.Settings(With($"{maximum}")));
        foreach (var wrong in new[] { $"{minimum - 1}", $"{maximum + 1}", "many", "1.5", "0x10", "1 000", "99999999999999999999" })
        {
            var message = Assert.Throws<SettingsException>(() => ServiceLimits.From(Given.Settings(With(wrong)))).Message;
            Assert.StartsWith($"{name} takes {minimum} to {maximum} ", message, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, int, int> Ranges => new()
    {
        { "GALLERY_DRAIN_SECONDS", 0, 300 },
        { "GALLERY_MAX_BODY_BYTES", 1024, 1_048_576 },
        { "GALLERY_MAX_REQUEST_LINE_BYTES", 1024, 65_536 },
        { "GALLERY_MAX_HEADER_BYTES", 1024, 65_536 },
        { "GALLERY_MAX_HEADERS", 10, 1000 },
        { "GALLERY_MAX_CONNECTIONS", 1, 65_535 },
        { "GALLERY_MAX_QUEUE", 1, 65_536 },
        { "GALLERY_RATE_LIMIT", 0, 1_000_000 },
        { "GALLERY_MIN_DATA_RATE", 1, 1_000_000 },
        { "GALLERY_HEADERS_TIMEOUT", 1, 60 },
        { "GALLERY_KEEP_ALIVE_TIMEOUT", 1, 3600 },
        { "GALLERY_REQUEST_TIMEOUT", 3, 60 },
        { "GALLERY_SHUTDOWN_TIMEOUT", 4, 300 },
    };

    [Fact]
    public void A_request_is_given_longer_than_the_database_and_a_shut_down_longer_than_a_request()
    {
        var limits = ServiceLimits.From(Given.Settings());
        Assert.InRange(limits.RequestTimeout, GalleryDatabase.Patience, limits.ShutdownTimeout);
        ServiceLimits.From(Given.Settings("GALLERY_REQUEST_TIMEOUT=9"));

        var message = Assert.Throws<SettingsException>(() => ServiceLimits.From(Given.Settings("GALLERY_REQUEST_TIMEOUT=10"))).Message;
        Assert.Contains("GALLERY_REQUEST_TIMEOUT", message, StringComparison.Ordinal);
        Assert.Contains("GALLERY_SHUTDOWN_TIMEOUT", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1/32")]
    [InlineData("10.0.0.0/8, 2001:db8::/32", "10.0.0.0/8 2001:db8::/32")]
    [InlineData("::1,127.0.0.1", "::1/128 127.0.0.1/32")]
    public void Proxies_are_addresses_or_networks(string setting, string networks) =>
        Assert.Equal(networks, string.Join(' ', ServiceLimits.From(Given.Settings($"GALLERY_TRUSTED_PROXIES={setting}")).TrustedProxies));

    [Theory]
    [InlineData("proxy.example.com")]
    [InlineData("10.0.0.1/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10")]
    [InlineData("127.0.0.1:80")]
    [InlineData("127.0.0.1 10.0.0.1")]
    [InlineData("*")]
    public void A_proxy_that_is_neither_is_refused_with_its_position(string proxy)
    {
        var message = Assert.Throws<SettingsException>(() => ServiceLimits.From(Given.Settings($"GALLERY_TRUSTED_PROXIES=127.0.0.1,{proxy}"))).Message;
        Assert.StartsWith("GALLERY_TRUSTED_PROXIES: entry 2 is not an address or network.", message, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^#(GALLERY_(?!DATA=)[A-Z_]+=\d*)$", RegexOptions.Multiline)]
    private static partial Regex Lines();
}
