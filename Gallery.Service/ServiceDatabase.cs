using Gallery.Service.Access;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Service;

/// <summary>The database that the service works on: the one that the settings name, or the private PostgreSQL.</summary>
internal sealed class ServiceDatabase : IAsyncDisposable
{
    private readonly EmbeddedPostgres? _embedded;

    private ServiceDatabase(NpgsqlConnectionStringBuilder connection, IConfiguration settings, EmbeddedPostgres? embedded)
    {
        Source = GalleryDatabase.Create(connection, settings);
        Description = embedded is null ? $"PostgreSQL at {connection.DescribeServers()}" : $"its private PostgreSQL, from {embedded.Programs}";
        _embedded = embedded;
    }

    public NpgsqlDataSource Source { get; }

    public bool IsPrivate => _embedded is not null;

    /// <summary>Which server it is, for the log, without user or password.</summary>
    public string Description { get; }

    /// <summary>Starts and migrates the private PostgreSQL. A database that the settings name need not be up yet.</summary>
    /// <param name="host">The host's configuration, with the addresses that the service listens on.</param>
    /// <exception cref="SettingsException">A setting cannot be used, or the private PostgreSQL has no programs.</exception>
    /// <exception cref="DatabaseUnusableException">The private PostgreSQL is broken.</exception>
    /// <exception cref="OperationCanceledException">A signal to stop came first.</exception>
    public static async Task<ServiceDatabase> OpenAsync(IConfiguration settings, IConfiguration host, ILogger log, CancellationToken ct)
    {
        if (ConnectionSettings.Find(settings, log) is { } connection)
            return new ServiceDatabase(connection, settings, embedded: null);

        if (!ConnectionSettings.IsPrivate(settings) && FindRisk(settings, host) is { } risk)
            throw new SettingsException($"No database is set, and {risk}. Set SUPABASE_DB_HOST and the other SUPABASE_DB_* names, or DATABASE_URL, or {ConnectionSettings.PrivateKind} for a private PostgreSQL on this machine.");
        var options = EmbeddedPostgresOptions.From(settings);
        await using (GalleryDatabase.Create(new NpgsqlConnectionStringBuilder("Host=localhost"), settings)) { }   // reads its settings before PostgreSQL starts

        EmbeddedPostgres? embedded = null;
        try
        {
            embedded = await EmbeddedPostgres.StartAsync(options, log, ct);
            // A private database has no DBA. Only the migrator changes any other.
            await Migrator.ApplyAsync(embedded.MigratorConnectionString, log, ct);
            return new ServiceDatabase(new NpgsqlConnectionStringBuilder(embedded.ServiceConnectionString), settings, embedded);
        }
        catch (Exception e)
        {
            if (embedded is not null) await embedded.DisposeAsync();
            if (e is not (NpgsqlException or TimeoutException)) throw;
            throw new DatabaseUnusableException(
                $"The private PostgreSQL in {options.DataHome} cannot be used: {(e as PostgresException)?.MessageText ?? e.Message}. Restore that folder from a backup, or set GALLERY_DATA to another.", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (_embedded is not null) await _embedded.DisposeAsync();
    }

    /// <summary>Why this looks like a deployment, where an empty private database would hide a missing setting. Null on a developer's machine.</summary>
    private static string? FindRisk(IConfiguration settings, IConfiguration host) =>
        AccessSetup.FindCredentials(settings) is { } credentials ? $"{credentials} is set"
        : ServiceAddress.FindPublic(host) is { } address ? $"other machines can reach {address}"
        : IsInContainer(settings) ? "the service runs in a container"
        : null;

    /// <summary>A checkout is a developer's machine even where Docker or Podman has left its mark, as in a dev container.</summary>
    private static bool IsInContainer(IConfiguration settings) =>
        settings.Find("DOTNET_RUNNING_IN_CONTAINER") is "true" or "1"
        || (File.Exists("/.dockerenv") || File.Exists("/run/.containerenv")) && Settings.FindSolution(Directory.GetCurrentDirectory()) is null;
}
