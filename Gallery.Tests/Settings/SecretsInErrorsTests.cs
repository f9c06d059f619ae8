using System.Text.RegularExpressions;
using Gallery.Service;
using Gallery.Sql.Database;
using Gallery.Tests.Readme;
using Microsoft.Extensions.Configuration;

namespace Gallery.Tests.Settings;

/// <summary>An error at the start repeats no value, because any value may be a secret.</summary>
public sealed partial class SecretsInErrorsTests
{
    private const string Secret = "hunter2";

    public static TheoryData<string> Values =>
    [
        $"{Secret}!",
        $"postgresql://user:{Secret}@host:99999/database",
        $"postgresql://user:{Secret}@host/database?sslmode={Secret}",
        $"postgresql://user@host/database?sslmode=require;password={Secret}",
        $"postgresql://user@host/database?sslmode={Secret}",
        $"postgresql://user@host/database?port={Secret}",
        $"postgresql://user@host/database?sslrootcert=/{Secret}",
        $"postgresql://user@host/database?connect_timeout={Secret}",
        $"postgresql://user@host/database?{Secret}=1",
        $"Host=host;Port=0;Password={Secret}",
        $"Host=host;Root Certificate=/{Secret}",
        $"Host=host;SSL Mode={Secret}",
        $"Host=host;{Secret}",
        $"http://user:{Secret}@localhost:9999",
        $"http://{Secret}@localhost:9999",
        $"http://user:{Secret},x@localhost:9999",
        $"http://user:{Secret} x@localhost:9999",
        $"http://user:{Secret};http://x@localhost:9999",
        $"https://user:{Secret}@app.example.com/path",
        $"https://app.example.com/?key={Secret}",
    ];

    [Theory]
    [MemberData(nameof(Values))]
    public void No_setting_shows_a_password_that_was_set_under_its_name(string value)
    {
        var refused = 0;
        foreach (var name in Names().Matches(Repository.Read(".env.example")).Select(match => match.Groups["name"].Value).Append("ASPNETCORE_URLS").Append("PORT").Distinct())
        {
            string[] companions = name.StartsWith("SUPABASE_DB_", StringComparison.Ordinal) && name != "SUPABASE_DB_HOST" ? ["SUPABASE_DB_HOST=host"] : [];
            if (FindError(Given.Settings([$"{name}={value}", .. companions])) is not { } error) continue;
            refused++;
            Assert.True(error is SettingsException, $"{name}: {error}");
            Assert.True(error.Message.Contains(name, StringComparison.Ordinal) && !error.Message.Contains(Secret, StringComparison.Ordinal), $"{name}: {error.Message}");
        }

        Assert.InRange(refused, 30, 100);
    }

    [Theory]
    [InlineData("GALLERY_CORS_ORIGINS=https://a.example,b.example", "GALLERY_CORS_ORIGINS: entry 2 ")]
    [InlineData("GALLERY_IMAGE_HOSTS=assets.example.com b_c", "GALLERY_IMAGE_HOSTS: entry 2 ")]
    [InlineData("GALLERY_CLOUD_NAMES=a,b,c/d", "GALLERY_CLOUD_NAMES: entry 3 ")]
    public void An_entry_of_a_list_is_named_by_its_position(string setting, string named) =>
        Assert.StartsWith(named, FindError(Given.Settings(setting, "SUPABASE_DB_HOST=host"))!.Message, StringComparison.Ordinal);

    private static Exception? FindError(IConfiguration settings) => Record.Exception(() =>
    {
        GalleryService.Prepare(settings, []);
        if (ConnectionSettings.Find(settings) is { } connection) GalleryDatabase.Create(connection, settings).Dispose();
        ConnectionSettings.IsPrivate(settings);
    });

    [GeneratedRegex(@"^#?(?<name>[A-Z][A-Z0-9_]+)=", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Names();
}
