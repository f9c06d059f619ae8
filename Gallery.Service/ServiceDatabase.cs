using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Gallery.Sql;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Service;

/// <summary>The database that the service works on: the one that the settings name, or the embedded PostgreSQL where they name none.</summary>
internal sealed class ServiceDatabase : IAsyncDisposable
{
    private readonly EmbeddedPostgres? _embedded;

    private ServiceDatabase(NpgsqlDataSource source, string description, EmbeddedPostgres? embedded)
    {
        Source = source;
        Description = description;
        _embedded = embedded;
    }

    public NpgsqlDataSource Source { get; }

    /// <summary>For the log: which server, without user or password.</summary>
    public string Description { get; }

    /// <exception cref="SettingsException">A setting can not be used, or no programs of the embedded PostgreSQL are to be had.</exception>
    /// <exception cref="DatabaseUnusableException">The database does not answer, or not this user.</exception>
    /// <exception cref="OperationCanceledException">A signal to stop came first. The host minds the signals only once it runs, and a first start of the private PostgreSQL, which takes longest, is before that.</exception>
    public static async Task<ServiceDatabase> OpenAsync(IConfiguration settings, ILogger log)
    {
        using var stop = new CancellationTokenSource();
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await OpenAsync(settings, log, stop.Token);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    private static async Task<ServiceDatabase> OpenAsync(IConfiguration settings, ILogger log, CancellationToken ct)
    {
        if (ConnectionSettings.Find(settings) is { } connection)
        {
            var source = GalleryDatabase.Create(connection, settings);
            var version = await FindVersionAsync(source, connection, ct);
            return new ServiceDatabase(source, $"PostgreSQL {version} at {connection.DescribeServers()}", embedded: null);
        }

        var embedded = await EmbeddedPostgres.StartAsync(EmbeddedPostgresOptions.From(settings), log, ct);
        try
        {
            // A database of one's own has no DBA. Any other is changed by the migrator alone.
            await Migrator.ApplyAsync(embedded.ConnectionString, log, ct);

            var own = new NpgsqlConnectionStringBuilder(embedded.ConnectionString);
            var source = GalleryDatabase.Create(own, settings);
            var version = await FindVersionAsync(source, own, ct);
            return new ServiceDatabase(source, $"its own PostgreSQL {version}, from {embedded.Programs}", embedded);
        }
        catch
        {
            await embedded.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (_embedded is not null) await _embedded.DisposeAsync();
    }

    private static async Task<string> FindVersionAsync(NpgsqlDataSource source, NpgsqlConnectionStringBuilder connection, CancellationToken ct)
    {
        try
        {
            await using var opened = await source.OpenConnectionAsync(ct);
            if (opened.PostgresParameters.GetValueOrDefault("server_encoding") is { } encoding and not "UTF8")
                throw new SettingsException(
                    $"The database {opened.Database} is encoded in {encoding}, which can not hold every text. Make one with: create database … template template0 encoding 'UTF8'.");
            return opened.PostgreSqlVersion.ToString();
        }
        catch (Exception e) when (e is NpgsqlException or CryptographicException or FileNotFoundException)
        {
            await source.DisposeAsync();
            throw DatabaseUnusableException.Of(e, connection);
        }
    }
}
