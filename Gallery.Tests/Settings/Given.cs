using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Tests.Settings;

/// <summary>Settings as a test gives them, and what comes of them.</summary>
internal static class Given
{
    /// <param name="lines">Each <c>NAME=value</c>.</param>
    public static IConfiguration Settings(params string[] lines) =>
        new ConfigurationBuilder().AddInMemoryCollection(lines.Select(line => line.Split('=', 2)).Select(line => new KeyValuePair<string, string?>(line[0], line[1]))).Build();

    public static NpgsqlConnectionStringBuilder? Connection(params string[] lines) => ConnectionSettings.Find(Settings(lines));

    /// <summary>The connection that a <c>DATABASE_URL</c> names.</summary>
    public static NpgsqlConnectionStringBuilder Url(string url) => Connection($"DATABASE_URL={url}")!;

    /// <summary>What a data source is made of; Npgsql leaves the password out.</summary>
    public static NpgsqlConnectionStringBuilder Tuned(params string[] lines)
    {
        using var source = GalleryDatabase.Create(Connection(lines)!, Settings(lines));
        return new NpgsqlConnectionStringBuilder(source.ConnectionString);
    }

    public static string Error(params string[] lines)
    {
        var message = Assert.Throws<SettingsException>(() => Tuned(lines)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
