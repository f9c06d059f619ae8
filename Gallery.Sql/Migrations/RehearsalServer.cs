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

    /// <param name="connection">Creates the scratch databases, and runs the scripts.</param>
    public RehearsalServer(NpgsqlConnectionStringBuilder connection) => Connection = connection;

    private RehearsalServer(EmbeddedPostgres embedded)
    {
        _embedded = embedded;
        Connection = new NpgsqlConnectionStringBuilder(embedded.ConnectionString);
        Rehearser = new NpgsqlConnectionStringBuilder(embedded.RehearserConnectionString);
    }

    /// <summary>Creates and drops the scratch databases.</summary>
    public NpgsqlConnectionStringBuilder Connection { get; }

    /// <summary>
    /// Runs the scripts, as gallery_owner; null if <see cref="Connection"/> does. The embedded server's superuser must not: a script that nobody has
    /// approved yet could run programs as the job's user, and so read its secrets.
    /// </summary>
    public NpgsqlConnectionStringBuilder? Rehearser { get; }

    /// <summary>Returns null if the setting is absent.</summary>
    public static async Task<RehearsalServer?> StartAsync(IConfiguration settings, ILogger log, CancellationToken ct)
    {
        switch (settings.Find(Setting))
        {
            case null:
                return null;
            case "embedded":
                var embedded = await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), log, ct);
                return new RehearsalServer(embedded);
            default:
                return new RehearsalServer(ConnectionSettings.FindUrl(settings, Setting, log)!);
        }
    }

    public ValueTask DisposeAsync() => _embedded?.DisposeAsync() ?? ValueTask.CompletedTask;
}
