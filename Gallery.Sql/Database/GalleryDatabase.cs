using Dapper;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>The process's one <see cref="NpgsqlDataSource"/>, tuned for short statements and no session state.</summary>
public static class GalleryDatabase
{
    /// <summary>
    /// How long a caller waits for a statement, the queue included, so that a request of one statement is answered within 3 s; a save that finds
    /// nothing to write asks a second one. Npgsql's own bounds add up to more: a statement's time-out is followed by an attempt to cancel it, which has to connect.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2.5);

    private const string Pooler = "GALLERY_POOLER";
    private const int TransactionPoolerPort = 6543;   // Supavisor's port for transaction mode

    /// <summary>A data source for the connection; what its connection string says of the pool and the time-outs stands.</summary>
    /// <exception cref="SettingsException"><c>GALLERY_POOLER</c> is neither <c>session</c> nor <c>transaction</c>, or the pool's bounds contradict each other.</exception>
    public static NpgsqlDataSource Create(NpgsqlConnectionStringBuilder connection, IConfiguration settings)
    {
        var tuned = new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            NoResetOnClose = true,   // nothing here leaves session state, so DISCARD ALL would be a round trip for nothing
            GssEncryptionMode = GssEncryptionMode.Disable,
            IncludeErrorDetail = false,   // details quote rows
            ClientEncoding = "UTF8",      // whatever PGCLIENTENCODING says
        };
        if (!tuned.ShouldSerialize("Application Name")) tuned.ApplicationName = "gallery";
        if (!tuned.ShouldSerialize("Timeout")) tuned.Timeout = 2;
        if (!tuned.ShouldSerialize("Command Timeout")) tuned.CommandTimeout = 2;
        if (!tuned.ShouldSerialize("Cancellation Timeout")) tuned.CancellationTimeout = -1;
        if (!tuned.ShouldSerialize("Maximum Pool Size")) tuned.MaxPoolSize = Math.Max(12, tuned.MinPoolSize);
        if (tuned.MinPoolSize > tuned.MaxPoolSize) throw new SettingsException("DATABASE_URL has a Minimum Pool Size above its Maximum Pool Size.");
        if (!tuned.ShouldSerialize("Host Recheck Seconds")) tuned.HostRecheckSeconds = 2;   // of several hosts: a standby that was promoted is found by then
        if (!tuned.ShouldSerialize("Read Buffer Size")) tuned.ReadBufferSize = 32 * 1024;   // a page of 50 in one read
        if (IsTransactionPooler(tuned, settings)) tuned.MaxAutoPrepare = 0;   // a prepared statement stays behind on another server connection
        else if (!tuned.ShouldSerialize("Max Auto Prepare")) tuned.MaxAutoPrepare = 32;
        tuned.AutoPrepareMinUsages = int.MaxValue;   // StatementRunner prepares explicitly

        SetUpDapper();
        var builder = new NpgsqlDataSourceBuilder(tuned.ConnectionString) { Name = "gallery" };   // the pool's name in metrics, else the connection string
        return builder.Build();
    }

    private static bool IsTransactionPooler(NpgsqlConnectionStringBuilder connection, IConfiguration settings) =>
        settings.Find(Pooler) switch
        {
            null => connection.ListServers().Any(server => server.Port == TransactionPoolerPort),
            "transaction" => true,
            "session" => false,
            var other => throw new SettingsException($"{Pooler} is \"{other}\"; it takes session or transaction."),
        };

    /// <summary>Dapper's process-wide settings, all of them.</summary>
    private static void SetUpDapper() => DefaultTypeMap.MatchNamesWithUnderscores = true;
}
