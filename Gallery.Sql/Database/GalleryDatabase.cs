using Dapper;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Database;

/// <summary>Makes the process's one <see cref="NpgsqlDataSource"/>, for short statements without session state.</summary>
public static class GalleryDatabase
{
    /// <summary>
    /// How long a caller waits for a statement, the queue included, so that every request is answered within 3 s. Npgsql's own time-outs add up to more,
    /// because it connects again to cancel a statement.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2.5);

    private const string Pooler = "GALLERY_POOLER";
    private const int TransactionPoolerPort = 6543;   // of Supavisor, Supabase's pooler

    /// <summary>A data source for the connection. Pool sizes and time-outs in its connection string are kept.</summary>
    /// <exception cref="SettingsException"><c>GALLERY_POOLER</c> is neither <c>session</c> nor <c>transaction</c>, or the pool's minimum is above its maximum.</exception>
    public static NpgsqlDataSource Create(NpgsqlConnectionStringBuilder connection, IConfiguration settings) => Create(connection, settings, "gallery");

    /// <inheritdoc cref="Create(NpgsqlConnectionStringBuilder, IConfiguration)"/>
    /// <param name="name">The pool's label in metrics.</param>
    internal static NpgsqlDataSource Create(NpgsqlConnectionStringBuilder connection, IConfiguration settings, string name)
    {
        var tuned = new NpgsqlConnectionStringBuilder(connection.ConnectionString)
        {
            NoResetOnClose = true,   // there is no session state to reset
            GssEncryptionMode = GssEncryptionMode.Disable,
            IncludeErrorDetail = false,   // details contain rows
            ClientEncoding = "UTF8",      // overrides PGCLIENTENCODING
        };
        if (!tuned.ShouldSerialize("Application Name")) tuned.ApplicationName = "gallery";
        if (!tuned.ShouldSerialize("Timeout")) tuned.Timeout = 2;
        if (!tuned.ShouldSerialize("Command Timeout")) tuned.CommandTimeout = 2;
        if (!tuned.ShouldSerialize("Cancellation Timeout")) tuned.CancellationTimeout = -1;
        if (!tuned.ShouldSerialize("Maximum Pool Size")) tuned.MaxPoolSize = Math.Max(12, tuned.MinPoolSize);
        if (tuned.MinPoolSize > tuned.MaxPoolSize) throw new SettingsException("DATABASE_URL sets Minimum Pool Size above Maximum Pool Size. Lower the minimum.");
        if (!tuned.ShouldSerialize("Host Recheck Seconds")) tuned.HostRecheckSeconds = 2;   // finds a promoted standby
        if (!tuned.ShouldSerialize("Read Buffer Size")) tuned.ReadBufferSize = 32 * 1024;   // one read for a page of 50
        if (IsTransactionPooler(tuned, settings)) tuned.MaxAutoPrepare = 0;   // the next statement may run on another server connection
        else if (!tuned.ShouldSerialize("Max Auto Prepare")) tuned.MaxAutoPrepare = 32;
        tuned.AutoPrepareMinUsages = int.MaxValue;   // StatementRunner prepares explicitly

        SetUpDapper();
        return new NpgsqlDataSourceBuilder(tuned.ConnectionString) { Name = name }.Build();
    }

    private static bool IsTransactionPooler(NpgsqlConnectionStringBuilder connection, IConfiguration settings) =>
        settings.Find(Pooler) switch
        {
            null => connection.ListServers().Any(server => server.Port == TransactionPoolerPort),
            "transaction" => true,
            "session" => false,
            _ => throw new SettingsException($"{Pooler} takes session or transaction."),
        };

    /// <summary>All of Dapper's process-wide settings.</summary>
    private static void SetUpDapper() => DefaultTypeMap.MatchNamesWithUnderscores = true;
}
