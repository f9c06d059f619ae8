using Gallery.Service.Http;
using Gallery.Service.OpenApi;
using Gallery.Sql;
using Gallery.Sql.Migrations;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Gallery.Service.Health;

/// <summary>What a load balancer or an orchestrator asks: is the process alive, and can it serve.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.MapGroup("").WithTags("Health").DisableRateLimiting();   // who asks often is meant to

        health.MapMethods("/livez", Get, FindLiveness)
            .WithName("FindLiveness").WithSummary("The process is alive; says nothing of the database")
            .Answers<Envelope<HealthReport>>(200);
        health.MapMethods("/readyz", Get, FindReadiness)
            .WithName("FindReadiness").WithSummary("The database is reachable and has had every migration; 503 says what is missing")
            .Answers<Envelope<HealthReport>>(200);
    }

    private static Ok<Envelope<HealthReport>> FindLiveness() => TypedResults.Ok(Envelope.Of(new HealthReport("alive"), "The service is alive"));

    private static async Task<IResult> FindReadiness(NpgsqlDataSource database, CancellationToken ct)
    {
        var pending = await Migrator.ListPendingAsync(database, ct).WaitAsync(GalleryDatabase.Patience, ct);   // no answer throws, and that is 503 too
        return pending.Count == 0
            ? TypedResults.Ok(Envelope.Of(new HealthReport("ready"), "The database is reachable and has had all migrations"))
            : new ProblemResult(
                StatusCodes.Status503ServiceUnavailable,
                "migrations_pending",
                $"The database has not had {string.Join(", ", pending)}; run the migrator: dotnet run --project Gallery.Sql -- apply.",
                RetryAfterSeconds: 5,
                Pending: pending);
    }
}

/// <summary>How the service is.</summary>
/// <param name="Status"><c>alive</c> or <c>ready</c>.</param>
public sealed record HealthReport(string Status);
