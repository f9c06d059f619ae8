using Npgsql;
using Polly;
using Polly.Retry;

namespace Gallery.Sql.Database;

/// <summary>The one retry policy: one more try, on other connections, a moment later.</summary>
internal static class RetryPolicy
{
    // Jittered by a quarter to either side, so that those who failed together do not come back together.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80);

    /// <param name="isWorthIt">Which failures: one of <see cref="TransientFault"/>'s.</param>
    public static ResiliencePipeline OneMoreTry(NpgsqlDataSource database, Func<NpgsqlException, bool> isWorthIt) =>
        new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 1,
                Delay = Pause,
                UseJitter = true,
                ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome.Exception is NpgsqlException fault && isWorthIt(fault)),
                OnRetry = attempt =>
                {
                    if (attempt.Outcome.Exception is not PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected })
                        database.Clear();   // the others in the pool are no better
                    return default;
                },
            })
            .Build();
}
