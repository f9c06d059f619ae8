using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>The server that rehearsals create and drop scratch databases on: one from the settings, or the embedded one.</summary>
internal sealed class RehearsalServer : IAsyncDisposable
{
    /// <summary>A connection in either form of <c>DATABASE_URL</c>, or <c>embedded</c>.</summary>
    public const string Setting = "GALLERY_REHEARSAL";

    private readonly EmbeddedPostgres? _embedded;

    private RehearsalServer(NpgsqlConnectionStringBuilder connection, EmbeddedPostgres? embedded)
    {
        Connection = connection;
        _embedded = embedded;
    }

    public NpgsqlConnectionStringBuilder Connection { get; }

    /// <summary>Returns null if the setting is absent.</summary>
    public static async Task<RehearsalServer?> StartAsync(IConfiguration settings, ILogger log, CancellationToken ct)
    {
        switch (settings.Find(Setting))
        {
            case null:
                return null;
            case "embedded":
                var embedded = await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), log, ct);
                return new RehearsalServer(new NpgsqlConnectionStringBuilder(embedded.ConnectionString), embedded);
            case var connection:
                var asDatabaseUrl = new ConfigurationBuilder().AddInMemoryCollection([new("DATABASE_URL", connection)]).Build();
                return new RehearsalServer(ConnectionSettings.Find(asDatabaseUrl)!, embedded: null);
        }
    }

    public ValueTask DisposeAsync() => _embedded?.DisposeAsync() ?? ValueTask.CompletedTask;
}
