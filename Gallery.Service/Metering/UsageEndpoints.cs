using System.Globalization;
using System.Text;
using System.Text.Json;
using Gallery.Service.Access;
using Gallery.Service.Http;
using Gallery.Service.Limits;
using Gallery.Service.OpenApi;
using Gallery.Sql.Database;
using Gallery.Sql.Metering;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Options;

namespace Gallery.Service.Metering;

/// <summary>What users used, for billing.</summary>
internal static class UsageEndpoints
{
    private const string Events = "events";
    private const string CsvType = "text/csv";

    private static readonly string[] Get = [HttpMethods.Get, HttpMethods.Head];
    private static readonly Guid ExampleEvent = new("5f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f");
    private static readonly DateTime ExampleTime = new(2026, 1, 15, 10, 30, 0, DateTimeKind.Utc);

    private static readonly ProblemResult WithoutUser = FieldErrors.Of("user_id", "user_id is required. Name the user whose usage is asked for.");
    private static readonly ProblemResult BadPeriod = FieldErrors.Of("period", "period is '2026'. Send a month such as 2026-01.");
    private static readonly ProblemResult Forbidden = new(403, "forbidden_usage", "Users' tokens may not report or export usage. Send the request with a service key.");
    private static readonly ProblemResult Open = new(409, "period_open", "The lines of this month are not complete yet. Export it from one minute after its end on, UTC.");

    private static readonly ProblemResult TooMany = new(
        413, "too_many_items", string.Create(CultureInfo.InvariantCulture, $"{Events} has more than {ReportedUsages.MaximumEvents:N0} events. Send them in several requests."));

    public static void MapUsage(this IEndpointRouteBuilder routes)
    {
        var usage = routes.MapGroup("/v1/gallery/usage").WithTag("Usage", "What users used, for billing.");

        usage.MapMethods("/", Get, FindUsage)
            .WithName("FindUsage").WithSummary("Totals what a user used in a month")
            .WithDescription("Saves count at once, views within seconds. A month that is over never changes: late events belong to the open month.")
            .WithRequired("user_id", "Whose usage. With a user's token it may be left out, and is their own.", 1, Caller.UserIdMaximum)
            .WithMonth("period", "The month, UTC, such as 2026-01. Default: the open month.", isRequired: false)
            .Answers(200, Envelope.Of(UserUsage.Of("user_123", new(new(2026, 1, 1)), isClosed: true, new Dictionary<string, Int128> { [UsageKinds.Saves] = 12, [UsageKinds.MetadataBytes] = 3_456, ["generated_images"] = 14 }), "Usage retrieved successfully"))
            .Problems(WithoutUser, BadPeriod, Permissions.ForbiddenUserId)
            .AllowedTo(Callers.Users, Callers.ServiceKeys);
        usage.MapPost("/events/", AddEvents)
            .WithName("AddUsageEvents").WithSummary("Records what other systems metered")
            .WithDescription("An event counts once, however often it is sent. If the form of one is wrong, none is recorded. What is recorded is never changed: to correct it, send another event with corrects and a note.")
            .Takes(new ReportedUsages([new(ExampleEvent, "user_123", "generated_images", 1) { OccurredAt = ExampleTime }]))
            .Answers(200, Envelope.Of<IReadOnlyList<UsageResult>>([new(0, ExampleEvent, "recorded")], "1 of 1 events recorded"))
            .Problems(Forbidden, TooMany)
            .AllowedTo(Callers.ServiceKeys);
        usage.MapMethods("/export/", Get, Export)
            .WithName("ExportUsage").WithSummary("Streams the lines of a month that is over")
            .WithDescription("In the order of user_id and event_id. The lines of a month that is over are always the same. If the connection breaks, the export is not complete.")
            .WithMonth("period", "The month, UTC, such as 2026-01.", isRequired: true)
            .WithChoice("format", "ndjson: one JSON object a line. csv: RFC 4180 with a header.", "ndjson", "csv")
            .Answers(200, ExportedUsage.Of(new("user_123", ExampleEvent, "generated_images", 1, null, ExampleTime, ExampleTime, null, null)), JsonLine.MediaType)
            .OrAnswers(200, CsvType, ExportedUsage.CsvHead)
            .WithMetadata(new StreamedAnswer(), new DisableRequestTimeoutAttribute())
            .Problems(Forbidden, BadPeriod, Open, LineStream.Busy)
            .AllowedTo(Callers.ServiceKeys);
    }

    private static async Task<IResult> FindUsage(
        HttpContext http, UsageRepository usage, TimeProvider clock, [FromKeyedServices(MeteringNoun.Totals)] UserTurns turns, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var now = clock.GetUtcNow();
        var month = Month.Read(http.Request.Query, now, errors);
        var userId = http.Request.Query.ReadUserId(http.Caller(), errors, isRequired: true);
        if (errors.Any) return errors.ToProblem();
        if (userId is null) return WithoutUser;
        if (Permissions.FindUserIdFault(http.Caller(), userId) is { } forbidden) return forbidden;

        using var turn = await turns.TakeAsync(http.Caller(), ct);   // a user with many lines keeps out no one else
        var totals = await usage.FindTotalsAsync(userId, month.Start, ct);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Envelope.Of(UserUsage.Of(userId, month, month.IsClosed(now), totals), "Usage retrieved successfully"));
    }

    private static async Task<IResult> AddEvents(HttpContext http, UsageRepository usage, TimeProvider clock, CancellationToken ct)
    {
        if (http.Caller().UserId is not null) return Forbidden;
        var (json, problem) = await JsonBody.ReadAsync(http.Request, ct);
        if (problem is not null) return problem;

        var errors = new FieldErrors();
        var events = new List<UsageEvent>();
        try
        {
            var items = JsonFields.Read(json, [Events], errors).RequireArray(Events, ReportedUsages.MaximumEvents) ?? [];
            if (items.Count > ReportedUsages.MaximumEvents) return TooMany;
            foreach (var item in items)
                if (ReportedEvent.Read(item, $"{Events}[{events.Count}]", clock.GetUtcNow(), errors) is { } one) events.Add(one);
                else break;   // one wrong event says enough
        }
        catch (JsonException e)
        {
            return JsonBody.Invalid(e.Message);
        }

        if (errors.Any) return errors.ToProblem();

        var outcomes = await usage.AddEventsAsync(events, ct);
        IReadOnlyList<UsageResult> results = [.. events.Select((one, place) => Explain(place, one, outcomes[place]))];
        return TypedResults.Ok(Envelope.Of(results, $"{outcomes.Count(outcome => outcome == UsageOutcome.Recorded)} of {events.Count} events recorded"));
    }

    private static UsageResult Explain(int place, UsageEvent one, UsageOutcome outcome) => outcome switch
    {
        UsageOutcome.Recorded => new(place, one.EventId, "recorded"),
        UsageOutcome.Known => new(place, one.EventId, "known"),
        UsageOutcome.Differs => new(place, one.EventId, Code: "event_differs", Message: "The user has an event with this event_id and other values. Send another event_id, or a correction."),
        _ => new(place, one.EventId, Code: "event_not_found", Message: $"The user has no event {one.Corrects} of the kind {one.Kind}. Send that event too, or check corrects and kind."),
    };

    private static async Task<IResult> Export(HttpContext http, LineStream lines, UsageRepository usage, TimeProvider clock, IOptions<JsonOptions> json)
    {
        if (http.Caller().UserId is not null) return Forbidden;
        var errors = new FieldErrors();
        var now = clock.GetUtcNow();
        var month = Month.Read(http.Request.Query, now, errors);
        var isCsv = http.Request.Query.ReadChoice("format", errors, "ndjson", "csv") == "csv";
        if (!http.Request.Query.ContainsKey("period")) errors.Add("period", "period is required. Send a month that is over, such as 2026-01.");
        if (errors.Any) return errors.ToProblem();
        if (!month.IsClosed(now)) return Open;

        var options = json.Value.SerializerOptions;
        return isCsv
            ? await lines.AnswerAsync(
                http, $"{CsvType}; charset=utf-8; header=present", Read, (text, line) => Encoding.UTF8.GetBytes(ExportedUsage.Of(line).ToCsv(), text), Encoding.UTF8.GetBytes(ExportedUsage.CsvHead))
            : await lines.AnswerAsync(http, JsonLine.MediaType, Read, (text, line) => JsonLine.Write(text, ExportedUsage.Of(line), options));

        IAsyncEnumerable<IReadOnlyList<UsageLine>> Read(CancellationToken ct) => usage.ExportAsync(month.Start, ct);
    }
}
