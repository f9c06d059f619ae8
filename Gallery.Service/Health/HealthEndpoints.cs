using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Gallery.Service.Health;

/// <summary>What a load balancer or an orchestrator asks: is the process alive, and can it serve.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    private static readonly Envelope<HealthReport> Alive = Envelope.Of(new HealthReport("alive"), "The service is alive");
    private static readonly Envelope<HealthReport> Ready = Envelope.Of(new HealthReport("ready"), "The database is reachable and has all migrations");
    private static readonly ProblemResult NotReady = new(StatusCodes.Status503ServiceUnavailable, "not_ready", NotReadyException.Words, RetryAfterSeconds: 5);

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.MapGroup("").WithTags("Health").AllowAnonymous().DisableRateLimiting();   // who asks often is meant to

        health.MapMethods("/livez", Get, FindLiveness)
            .WithName("FindLiveness").WithSummary("The process is alive; says nothing of the database")
            .Answers(200, Alive);
        health.MapMethods("/readyz", Get, FindReadiness)
            .WithName("FindReadiness").WithSummary("The database is reachable and has had every migration; 503 tells those who may know what is missing")
            .Answers(200, Ready)
            .Problems(Lacks(["0007_add_column.sql"]), NotReady).Problems([.. ProblemExceptionHandler.OfDatabase]);
    }

    private static Ok<Envelope<HealthReport>> FindLiveness() => TypedResults.Ok(Alive);

    private static Task<IResult> FindReadiness(HttpContext http, Readiness readiness, IHostApplicationLifetime lifetime, CancellationToken ct) =>
        Permissions.MaySeeOperations(http.Caller()) ? FindReadinessAsync(readiness, lifetime, ct) : FindBareReadinessAsync(readiness, lifetime, ct);

    /// <summary>For strangers and users: whether, and never why not. The log has that.</summary>
    private static async Task<IResult> FindBareReadinessAsync(Readiness readiness, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        try
        {
            return await FindReadinessAsync(readiness, lifetime, ct) is ProblemResult
                ? NotReady
                : TypedResults.Ok(Envelope.Of(new HealthReport("ready"), "The service is ready"));
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            throw new NotReadyException(e);
        }
    }

    private static async Task<IResult> FindReadinessAsync(Readiness readiness, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested) return ProblemExceptionHandler.ShuttingDown;
        var pending = await readiness.ListPendingAsync(ct);   // no answer throws, and that is 503 too
        return pending.Count == 0
            ? TypedResults.Ok(Ready)
            : Lacks(pending);
    }

    private static ProblemResult Lacks(IReadOnlyList<string> pending) => new(
        StatusCodes.Status503ServiceUnavailable,
        "migrations_pending",
        $"The database lacks {string.Join(", ", pending)}. Run the migrator: dotnet run --project Gallery.Sql -- apply.",
        RetryAfterSeconds: 5,
        Pending: pending);
}

/// <summary>Keeps from the caller why the service is not ready, and not from the log.</summary>
internal sealed class NotReadyException(Exception reason) : Exception(Words, reason)
{
    public const string Words = "The service is not ready.";
}

/// <summary>How the service is.</summary>
/// <param name="Status"><c>alive</c> or <c>ready</c>.</param>
public sealed record HealthReport(string Status);
