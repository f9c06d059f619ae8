using Npgsql;
using Polly;
using Polly.Retry;

namespace Gallery.Sql.Database;

/// <summary>
/// The only retry policy: one more try, on new connections, after a short pause. A statement that met a key which another transaction had just inserted is tried
/// four times more, because several such transactions may come one after the other.
/// </summary>
/// <remarks>
/// A read-only database fails every write. New connections for each would crowd out the reads. So they are made once per <c>Host Recheck Seconds</c> if there are
/// several hosts. With one host they are made every 10 s, because a connection may stay read-only after its database is writable again.
/// </remarks>
internal static class RetryPolicy
{
    private static readonly TimeSpan OneHostRecheck = TimeSpan.FromSeconds(10);

    // With jitter, so that requests that failed together do not return together.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80);

    /// <param name="isWorthIt">Which failures to retry: a method of <see cref="TransientFault"/>.</param>
    public static ResiliencePipeline OneMoreTry(NpgsqlDataSource database, Func<NpgsqlException, bool> isWorthIt)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var hasSeveralHosts = connection.ListServers().Count > 1;
        var renewal = new Renewal(hasSeveralHosts ? TimeSpan.FromSeconds(connection.HostRecheckSeconds) : OneHostRecheck);

        return new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 4,
                Delay = Pause,
                UseJitter = true,
                ShouldHandle = attempt => ValueTask.FromResult(
                    attempt.Outcome.Exception is NpgsqlException fault && isWorthIt(fault) && (attempt.AttemptNumber == 0 || TransientFault.IsUniqueViolation(fault)) && (hasSeveralHosts || !TransientFault.IsReadOnly(fault) || renewal.IsDue)),
                OnRetry = attempt =>
                {
                    var fault = attempt.Outcome.Exception!;
                    if (fault is not PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation }
                        && (!TransientFault.IsReadOnly(fault) || renewal.TryBegin()))
                        database.Clear();   // the pool's other connections are probably broken too
                    return default;
                },
            })
            .Build();
    }

    /// <summary>When connections to a read-only database are made again.</summary>
    private sealed class Renewal(TimeSpan interval)
    {
        private readonly long _interval = (long)interval.TotalMilliseconds;
        private long _last = long.MinValue / 2;

        public bool IsDue => Environment.TickCount64 - Interlocked.Read(ref _last) >= _interval;

        public bool TryBegin()
        {
            var last = Interlocked.Read(ref _last);
            var now = Environment.TickCount64;
            return now - last >= _interval && Interlocked.CompareExchange(ref _last, now, last) == last;
        }
    }
}
