using System.Globalization;
using Dapper;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// The migrator's own connections: fresh, unpooled, without a client's time-out. One does the work; the other looks on,
/// to find a pooler that would break the lock and to name whoever blocks a script.
/// </summary>
internal sealed class MigratorSession : IAsyncDisposable
{
    private const int OldestServer = 15;   // the oldest that the tests run on

    private MigratorSession(NpgsqlConnection connection, NpgsqlConnection onlooker, int serverProcess)
    {
        Connection = connection;
        Onlooker = onlooker;
        ServerProcess = serverProcess;
    }

    public NpgsqlConnection Connection { get; }

    public NpgsqlConnection Onlooker { get; }

    /// <summary>The server's process that runs the scripts.</summary>
    public int ServerProcess { get; }

    /// <exception cref="MigrationException">The server is away, refuses the sign-in, is too old, or a transaction pooler stands before it.</exception>
    public static async Task<MigratorSession> OpenAsync(NpgsqlConnectionStringBuilder target, ILogger log, CancellationToken ct)
    {
        var connection = await ConnectAsync(target, ct);
        NpgsqlConnection? onlooker = null;
        try
        {
            onlooker = await ConnectAsync(target, ct);
            var serverProcess = await TransactionPooler.RefuseAsync(connection, onlooker, ct);
            await RestoreAsync(connection, ct);
            log.Connected(Describe(target));
            return new MigratorSession(connection, onlooker, serverProcess);
        }
        catch
        {
            if (onlooker is not null)
                await onlooker.DisposeAsync();
            await connection.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Onlooker.DisposeAsync();
        await Connection.DisposeAsync();
    }

    public static string Describe(NpgsqlConnectionStringBuilder target) =>
        string.Create(CultureInfo.InvariantCulture, $"{target.Host}:{target.Port}/{target.Database} as {target.Username}");

    /// <summary>One connection of the migrator's kind, for what only reads.</summary>
    public static async Task<NpgsqlConnection> ConnectAsync(NpgsqlConnectionStringBuilder target, CancellationToken ct)
    {
        var own = new NpgsqlConnectionStringBuilder(target.ConnectionString)
        {
            ApplicationName = "gallery-migrate",
            Pooling = false,
            MaxAutoPrepare = 0,
            Timeout = 15,
            CommandTimeout = 0,          // a script takes as long as it takes; lock_timeout bounds what others wait
            Enlist = false,
            ClientEncoding = "UTF8",     // Npgsql reads PGCLIENTENCODING, and would store what the script does not say
            TcpKeepAlive = true,         // a long statement is silent, and NAT forgets the silent
            PersistSecurityInfo = false,
            IncludeErrorDetail = false,  // a detail may quote a row
        };
        var connection = new NpgsqlConnection(own.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
        }
        catch (NpgsqlException e)
        {
            await connection.DisposeAsync();
            throw new MigrationException(ExitCode.Connection, DatabaseUnusableException.Of(e, target).Message, e);
        }

        RefuseOldServer(connection.PostgreSqlVersion);
        return connection;
    }

    internal static void RefuseOldServer(Version version)
    {
        if (version.Major < OldestServer)
            throw new MigrationException(ExitCode.Connection, $"the server is PostgreSQL {version}; Gallery needs {OldestServer} or newer.");
    }

    /// <summary>As it was at the start, whatever the script before has set. The lock and what a role signs in with (roles.sql's "set role") stay.</summary>
    public Task RestoreAsync(CancellationToken ct) => RestoreAsync(Connection, ct);

    private static async Task RestoreAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // What a role, a database, a pooler or the script before has set must not decide what a script does.
        // language=PostgreSQL
        const string sql = """
            reset session authorization;
            reset role;
            reset all;

            select set_config(name, '0', false)
            from pg_settings
            where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');

            select set_config('client_encoding', 'UTF8', false),     -- a pooler may have opened its side with another
                   set_config('search_path', 'pg_catalog', false),
                   set_config('standard_conforming_strings', 'on', false);

            -- The server looks every 5 s whether the client still lives: a killed run's statement must not work on.
            -- Some platforms' servers cannot, and refuse the setting.
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
