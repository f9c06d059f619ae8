using Dapper;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// The migrator's connections: new, unpooled, without client time-outs. One runs the scripts. The other observes, to detect a
/// transaction pooler and to name the session that blocks a script.
/// </summary>
internal sealed class MigratorSession : IAsyncDisposable
{
    private const int OldestServer = 15;   // the oldest version that the tests run on

    private MigratorSession(NpgsqlConnection connection, NpgsqlConnection observer, int serverProcess)
    {
        Connection = connection;
        Observer = observer;
        ServerProcess = serverProcess;
    }

    public NpgsqlConnection Connection { get; }

    public NpgsqlConnection Observer { get; }

    /// <summary>The server process that runs the scripts.</summary>
    public int ServerProcess { get; }

    /// <exception cref="MigrationException">The server is unreachable, rejects the sign-in, is too old, or is behind a transaction pooler.</exception>
    public static async Task<MigratorSession> OpenAsync(NpgsqlConnectionStringBuilder target, ILogger log, CancellationToken ct)
    {
        var connection = await ConnectAsync(target, ct);
        NpgsqlConnection? observer = null;
        try
        {
            observer = await ConnectAsync(target, ct);
            var serverProcess = await TransactionPooler.ThrowIfPresentAsync(connection, observer, ct);
            await RestoreAsync(connection, ct);
            log.Connected(Describe(target));
            return new MigratorSession(connection, observer, serverProcess);
        }
        catch
        {
            if (observer is not null)
                await observer.DisposeAsync();
            await connection.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Observer.DisposeAsync();
        await Connection.DisposeAsync();
    }

    public static string Describe(NpgsqlConnectionStringBuilder target) =>
        $"{target.DescribeServers()}/{target.Database} as {target.Username}";

    /// <summary>A single connection with the migrator's options, for commands that only read.</summary>
    public static async Task<NpgsqlConnection> ConnectAsync(NpgsqlConnectionStringBuilder target, CancellationToken ct)
    {
        var own = new NpgsqlConnectionStringBuilder(target.ConnectionString)
        {
            ApplicationName = "gallery-migrate",
            Pooling = false,
            MaxAutoPrepare = 0,
            Timeout = 15,
            CommandTimeout = 0,          // scripts may take long; lock_timeout limits how long others wait
            Enlist = false,
            ClientEncoding = "UTF8",     // overrides PGCLIENTENCODING, which would corrupt the script's text
            TcpKeepAlive = true,         // NAT drops a connection that is silent during a long statement
            PersistSecurityInfo = false,
            IncludeErrorDetail = false,  // a detail may quote a row
        };
        var connection = new NpgsqlConnection(own.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
        }
        catch (Exception e) when (e is not OperationCanceledException)   // not only Npgsql's: DNS and certificates fail with others
        {
            await connection.DisposeAsync();
            throw new MigrationException(ExitCode.Connection, DatabaseUnusableException.Of(e, target).Message, e);
        }

        ThrowIfTooOld(connection.PostgreSqlVersion);
        return connection;
    }

    internal static void ThrowIfTooOld(Version version)
    {
        if (version.Major < OldestServer)
            throw new MigrationException(ExitCode.Connection, $"the server runs PostgreSQL {version}: Gallery needs {OldestServer} or newer.");
    }

    /// <summary>Resets what the previous script has set. Keeps the lock, and the role that roles.sql sets at sign-in.</summary>
    public Task RestoreAsync(CancellationToken ct) => RestoreAsync(Connection, ct);

    private static async Task RestoreAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // Settings of the role, the database, the pooler or the previous script must not change what a script does.
        // language=PostgreSQL
        const string sql = """
            reset session authorization;
            reset role;
            reset all;

            select set_config(name, '0', false)
            from pg_settings
            where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');

            select set_config('client_encoding', 'UTF8', false),     -- a pooler may have chosen another
                   set_config('search_path', 'pg_catalog', false),
                   set_config('standard_conforming_strings', 'on', false);

            -- The server checks every 5 s that the client is still connected, so that a killed run's statement ends.
            -- On some platforms the server does not support this and rejects the setting.
            do $$
            begin
                perform set_config('client_connection_check_interval', '5s', false);
            exception when others then
                null;
            end
            $$;
            """;

        await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: ct));
    }
}
