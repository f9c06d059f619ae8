using Npgsql;
using Polly;
using Polly.Retry;

namespace Gallery.Sql.Database;

/// <summary>The only retry policy: one more try, on new connections, after a short pause.</summary>
internal static class RetryPolicy
{
    // With jitter, so that requests that failed together do not return together.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80);

    /// <param name="isWorthIt">Which failures to retry: a method of <see cref="TransientFault"/>.</param>
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
                        database.Clear();   // the pool's other connections are probably broken too
                    return default;
                },
            })
            .Build();
}
