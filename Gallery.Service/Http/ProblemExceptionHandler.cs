using System.Net.Sockets;
using Gallery.Service.Health;
using Gallery.Service.Limits;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Images;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics;
using Npgsql;

namespace Gallery.Service.Http;

/// <summary>The one place where an exception becomes an answer and a line in the log. The database's own words never leave.</summary>
internal sealed partial class ProblemExceptionHandler(ILogger<ProblemExceptionHandler> log, LogLimit limit, IHostApplicationLifetime lifetime) : IExceptionHandler
{
    private const int RetryAfterSeconds = 2;

    public static readonly ProblemResult ShuttingDown = Unavailable("shutting_down", "This instance of the service is stopping. Try again, and another answers.");

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested || exception is ConnectionResetException)
        {
            httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;   // nobody reads it
            return true;
        }

        var isStopping = lifetime.ApplicationStopping.IsCancellationRequested;
        if (isStopping) httpContext.Response.Headers.Connection = "close";   // the exception has cleared it
        var problem = isStopping && exception is ObjectDisposedException or OperationCanceledException or CoalescerFullException
            ? ShuttingDown
            : ToProblem(httpContext, exception);
        var request = httpContext.Request;
        if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            // The middleware has taken the endpoint off the context by now, and left it here.
            var route = (httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "";
            var (traceId, requestId) = (httpContext.TraceIdentifier, RequestIds.Find(httpContext));
            if (problem.Status == StatusCodes.Status500InternalServerError) LogUnexpected(exception, request.Method, route, traceId, requestId);
            else if (limit.MayWrite(problem.Code, out var leftOut))
                LogUnavailable(request.Method, route, problem.Code, exception.GetBaseException().Message.ReplaceLineEndings(" "), traceId, requestId, leftOut);
        }

        await problem.ExecuteAsync(httpContext);
        return true;
    }

    internal static ProblemResult ToProblem(HttpContext http, Exception exception) => exception switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => BodyLimit.TooLarge(http),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => new(
            StatusCodes.Status408RequestTimeout, "request_timeout", "The body came too slowly, or was not whole in time. Send it again, faster or smaller."),
        BadHttpRequestException bad => new(bad.StatusCode, "bad_request", "The request is not well-formed HTTP. Send it again, well-formed."),
        NotReadyException => Unavailable("not_ready", NotReadyException.Words),
        RequestTimeoutException => Unavailable(
            "deadline_exceeded", "The request took too long in all, and what it asks for may or may not be done. The same request may be sent again."),
        CoalescerFullException => Unavailable("overloaded", "More requests wait than can be served soon. Try again."),
        IOException => new(StatusCodes.Status400BadRequest, "bad_request", "The body's chunks are not well-formed HTTP. Send the request again, with Content-Length or correct chunks."),   // Kestrel's word for a broken chunk
        PostgresException { SqlState: PostgresErrorCodes.CheckViolation } check when ImageConstraints.FindField(check.ConstraintName) is { } field =>
            OutOfBounds(field, check.ConstraintName),
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName } =>
            Unavailable("schema_not_ready", "The database has not had all migrations; /readyz lists those pending."),
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            Unavailable("database_permission_denied", "The service's database role lacks a right on the schema gallery or gallery_migrations; sql/roles.sql grants them."),
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable } => Unavailable("database_timeout", "The database took too long."),
        // A migration changed a column under a prepared statement; the next execution prepares it anew.
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } =>
            Unavailable("database_unavailable", "The database could not do this just now."),
        // The end of a connection, whatever its code: a pooler's refusals come as FATAL XX000.
        PostgresException { InvariantSeverity: "FATAL" or "PANIC" } => Away(),
        // Classes 40, 53, 58: rolled back for the sake of another, no resources (a full disk, too many connections), trouble of its operating system.
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction or ['4', '0', ..] or ['5', '3', ..] or ['5', '8', ..] } =>
            Unavailable("database_unavailable", "The database could not do this just now."),
        // Classes 08, 28, 3D, 57: no connection, no sign-in, no such database, shutting down.
        PostgresException { SqlState: ['0', '8', ..] or ['2', '8', ..] or ['3', 'D', ..] or ['5', '7', ..] } => Away(),
        PostgresException => Unexpected(),
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => Unavailable("database_timeout", "The database took too long, or none of its connections came free. The same request may be sent again."),
        OperationCanceledException => Unavailable("database_timeout", "The database took too long."),   // and not because the caller has left
        NpgsqlException or SocketException => Away(),
        _ => Unexpected(),
    };

    private static ProblemResult OutOfBounds(string field, string? constraint)
    {
        var errors = new FieldErrors();
        errors.Add(field, constraint == ImageConstraints.MetadataSize
            ? "metadata, merged into what is stored, would be over the 96 KB that one image may keep; save fewer keys."
            : $"{field} is out of its bounds.");
        return errors.ToProblem();
    }

    private static ProblemResult Away() => Unavailable("database_unavailable", "The database does not answer; nothing is known to be saved. Try again.");

    private static ProblemResult Unavailable(string code, string message) =>
        new(StatusCodes.Status503ServiceUnavailable, code, message, RetryAfterSeconds: RetryAfterSeconds);

    private static ProblemResult Unexpected() =>
        new(StatusCodes.Status500InternalServerError, "internal_error", "Something went wrong here, not in the request. The log has it under the trace_id.");

    [LoggerMessage(LogLevel.Error, "{Method} {Route} failed, trace {TraceId}, request {RequestId}")]
    private partial void LogUnexpected(Exception exception, string method, string route, string traceId, string requestId);

    [LoggerMessage(LogLevel.Warning, "{Method} {Route} answered 503 {Code}: {Reason}, trace {TraceId}, request {RequestId}; {LeftOut} more such since the line before")]
    private partial void LogUnavailable(string method, string route, string code, string reason, string traceId, string requestId, int leftOut);
}
