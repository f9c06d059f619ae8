using Gallery.Service.Http;
using Gallery.Sql.Database;
using Gallery.Sql.Migrations;
using Npgsql;

namespace Gallery.Service.Health;

/// <summary>What the database still lacks. Asked once at a time, for all who ask meanwhile: whoever can reach the service may, and as often as they like.</summary>
internal sealed partial class Readiness(NpgsqlDataSource database, LogLimit limit, ILogger<Readiness> log)
{
    private readonly Lock _lock = new();
    private Task<IReadOnlyList<string>> _asked = Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>The scripts that are pending, in order.</summary>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>.</exception>
    public async Task<IReadOnlyList<string>> ListPendingAsync(CancellationToken ct)
    {
        Task<IReadOnlyList<string>> asked;
        lock (_lock) asked = _asked = _asked.IsCompleted ? Migrator.ListPendingAsync(database, CancellationToken.None) : _asked;
        var pending = await asked.WaitAsync(GalleryDatabase.Patience, ct);
        if (pending.Count > 0 && limit.MayWrite("migrations_pending", out _)) LogPending(string.Join(", ", pending));
        return pending;
    }

    [LoggerMessage(LogLevel.Warning, "Not ready: the database has not had {Scripts}; run the migrator")]
    private partial void LogPending(string scripts);
}
