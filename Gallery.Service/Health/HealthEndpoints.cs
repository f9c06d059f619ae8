using System.Text.Json.Serialization;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Gallery.Service.Health;

/// <summary>Probes for load balancers and orchestrators: whether the process is alive, and whether it can serve.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    private static readonly Envelope<HealthReport> Alive = Envelope.Of(new HealthReport("alive", Release.Version, Release.Commit), "The service is alive");
    private static readonly Envelope<HealthReport> AliveExample = Alive with { Data = new("alive", "0.1.0", "8f3b1c6a0d2e4975b8c1a7f6e5d4c3b2a1908f7e") };
    private static readonly Envelope<HealthReport> Ready = Envelope.Of(new HealthReport("ready"), "The database is reachable and has all migrations");
    private static readonly Envelope<HealthReport> ReadyToRead = Ready with { Message = "The database is reachable and has all migrations. It is read-only: writes answer 503" };
    private static readonly Envelope<HealthReport> ReadyToList = Ready with { Message = "A standby answers lists. The primary does not answer, so everything else is 503" };
    private static readonly ProblemResult NotReady = new(StatusCodes.Status503ServiceUnavailable, "not_ready", "The service is not ready.", RetryAfterSeconds: 5);

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.MapGroup("").WithTag("Health", "What a load balancer or an orchestrator asks.").AllowAnonymous().DisableRateLimiting().WithMetadata(new Probe());   // probes are frequent by design

        health.MapMethods("/livez", Get, FindLiveness)
            .WithName("FindLiveness").WithSummary("The process is alive").WithDescription("Says nothing about the database. Use it to decide whether to restart the process.")
            .Answers(200, AliveExample);
        health.MapMethods("/readyz", Get, FindReadiness)
            .WithName("FindReadiness").WithSummary("The service can serve").WithDescription("The database is reachable and has every migration. With a service key the failure says what is missing. A read-only database is ready, because reads work, and so is a standby while the primary does not answer. Use it to decide whether to send requests.")
            .Answers(200, Ready)
            .Problems(Lacks(["0007_add_column.sql"]), NotReady).Problems([.. ProblemExceptionHandler.OfDatabase]);
    }

    private static Ok<Envelope<HealthReport>> FindLiveness() => TypedResults.Ok(Alive);

    private static async Task<IResult> FindReadiness(HttpContext http, Readiness readiness, Standbys standbys, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        var answer = await FindReadinessAsync(http, readiness, standbys, lifetime, ct);
        return Permissions.MaySeeOperations(http.Caller()) ? answer
            // Strangers and users learn whether, never why not. The log has the reason.
            : answer is ProblemResult ? NotReady
            : TypedResults.Ok(Envelope.Of(new HealthReport("ready"), "The service is ready"));
    }

    private static async Task<IResult> FindReadinessAsync(HttpContext http, Readiness readiness, Standbys standbys, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested) return ProblemExceptionHandler.ShuttingDown;
        try
        {
            var pending = await readiness.ListPendingAsync(ct);
            return pending.Count > 0 ? Lacks(pending) : TypedResults.Ok(readiness.IsReadOnly ? ReadyToRead : Ready);
        }
        catch (DatabaseUnusableException e)
        {
            return NotReady with { Message = e.Message };
        }
        catch (Exception e) when (!ct.IsCancellationRequested && ProblemExceptionHandler.ToProblem(http, e) is { Status: StatusCodes.Status503ServiceUnavailable } problem)
        {
            var isAway = problem.Code is "database_unavailable" or "database_timeout";
            return isAway && !readiness.IsPending && standbys.Find() is not null ? TypedResults.Ok(ReadyToList) : problem;   // not a request's failure: Readiness logs the reason, once
        }
    }

    private static ProblemResult Lacks(IReadOnlyList<string> pending) => new(
        StatusCodes.Status503ServiceUnavailable,
        "migrations_pending",
        $"The database lacks {string.Join(", ", pending)}. Run the migrator: dotnet run --project Gallery.Sql -- apply.",
        RetryAfterSeconds: 5,
        Pending: pending);
}

/// <summary>The state of the service.</summary>
/// <param name="Status"><c>alive</c> or <c>ready</c>.</param>
/// <param name="Version">The release of the service. Only in the answer of <c>/livez</c>.</param>
/// <param name="Commit">Git's commit that it was built from, or <c>unknown</c>. Only in the answer of <c>/livez</c>.</param>
public sealed record HealthReport(
    string Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Version = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Commit = null);
