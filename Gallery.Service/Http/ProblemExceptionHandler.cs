using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Gallery.Service.Health;
using Gallery.Service.Limits;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics;
using Npgsql;

namespace Gallery.Service.Http;

/// <summary>What a long request has done so far. If it fails, its problem begins with this sentence.</summary>
internal sealed record DoneSoFar(string Message);

/// <summary>The one place where an exception becomes an answer and a line in the log. The database's own words never leave.</summary>
internal sealed partial class ProblemExceptionHandler(ILogger<ProblemExceptionHandler> log, LogLimit limit, Readiness readiness, IHostApplicationLifetime lifetime) : IExceptionHandler
{
    private const int RetryAfterSeconds = 2;

    public static readonly ProblemResult BodyTooSlow = new(StatusCodes.Status408RequestTimeout, "request_timeout", "The body arrived too slowly. Send it again, faster or smaller.");
    public static readonly ProblemResult MalformedBody = new(StatusCodes.Status400BadRequest, "bad_request", "The body's chunks are not well-formed HTTP. Send Content-Length, or correct chunks.");
    public static readonly ProblemResult Unexpected = new(StatusCodes.Status500InternalServerError, "internal_error", "The service failed. Its log has the cause under this trace_id.");
    public static readonly ProblemResult ShuttingDown = Unavailable("shutting_down", "This instance is stopping. Try again.");

    private static readonly ProblemResult Away = Unavailable("database_unavailable", "The database is unavailable, and the request may not be done. Send it again.");
    private static readonly ProblemResult DatabaseTimeout = Unavailable("database_timeout", "The database took too long, and the request may not be done. Send it again.");
    private static readonly ProblemResult DeadlineExceeded = Unavailable("deadline_exceeded", "The request took too long, and may or may not be done. Send it again.");
    private static readonly ProblemResult Overloaded = Unavailable("overloaded", "Too many requests are waiting. Try again.");
    private static readonly ProblemResult SchemaNotReady = Unavailable("schema_not_ready", "The database lacks migrations. /readyz lists them.");
    private static readonly ProblemResult PermissionDenied = Unavailable("database_permission_denied", "The service's database role lacks a right. sql/roles.sql grants it.");

    private static readonly ProblemResult ReadOnly = Unavailable("database_read_only", "The database is read-only for now, so nothing was changed. Reads work. Try again later.");
    private static readonly ProblemResult BehindPooler = Unavailable("pooler_not_set", "The database is behind a transaction pooler. Set GALLERY_POOLER=transaction, and restart.");

    /// <summary>The failures of any route that uses the database.</summary>
    public static readonly IReadOnlyList<ProblemResult> OfDatabase =
        [Away, DatabaseTimeout, DeadlineExceeded, Overloaded, SchemaNotReady, PermissionDenied, ReadOnly, BehindPooler];

    private readonly ConditionalWeakTable<Exception, object> _logged = [];   // a fault of several callers is logged once

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (HasLeft(httpContext, exception))
        {
            httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;   // nobody reads it
            httpContext.Abort();   // otherwise Kestrel may read the rest of the body, and log an error because a read has failed before
            return true;
        }

        var isStopping = lifetime.ApplicationStopping.IsCancellationRequested;
        if (isStopping) httpContext.Response.Headers.Connection = "close";   // the exception has cleared it
        var problem = isStopping && exception is ObjectDisposedException or OperationCanceledException or CoalescerFullException
            ? ShuttingDown
            : ToProblem(httpContext, exception);
        if (httpContext.Features.Get<DoneSoFar>() is { } done) problem = problem with { Message = $"{done.Message} {problem.Message}" };
        var request = httpContext.Request;
        if (problem.Status >= StatusCodes.Status500InternalServerError)
        {
            // The middleware has taken the endpoint off the context by now, and left it here.
            var route = (httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "";
            var (traceId, requestId) = (httpContext.TraceIdentifier, RequestIds.Find(httpContext));
            var cause = CauseOf(exception);
            readiness.Note(cause);
            if (problem.Status != StatusCodes.Status500InternalServerError && limit.MayWrite(problem.Code, out var leftOut))
                LogUnavailable(request.Method, route, problem.Code, cause.GetBaseException().Message.ReplaceLineEndings(" "), traceId, requestId, leftOut);
            else if (problem.Status == StatusCodes.Status500InternalServerError && _logged.TryAdd(cause, cause))
                LogUnexpected(cause, request.Method, route, traceId, requestId);
        }

        await problem.ExecuteAsync(httpContext);
        return true;
    }

    /// <summary>Whether the connection is gone. A read of the body may say so before <c>RequestAborted</c> does, and <see cref="ConnectionAbortedException"/> is an <see cref="OperationCanceledException"/>.</summary>
    internal static bool HasLeft(HttpContext http, Exception exception) =>
        http.RequestAborted.IsCancellationRequested || exception is ConnectionResetException or ConnectionAbortedException;

    internal static ProblemResult ToProblem(HttpContext http, Exception exception) => CauseOf(exception) switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => BodyLimit.TooLarge(http),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => BodyTooSlow,
        BadHttpRequestException bad => new(bad.StatusCode, "bad_request", "The request is not well-formed HTTP. Correct it."),
        FileNotFoundException or CryptographicException => Away,   // the certificates of the database's connection
        RequestTimeoutException => DeadlineExceeded,
        CoalescerFullException => Overloaded,
        IOException => MalformedBody,   // Kestrel throws it for a broken chunk
        PostgresException { SqlState: PostgresErrorCodes.CheckViolation } check when Nouns.FindConstraint(check.ConstraintName) is { } fault =>
            FieldErrors.Of(fault.Field, fault.Message),
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName } =>
            SchemaNotReady,
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            PermissionDenied,
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable } => DatabaseTimeout,
        PostgresException fault when TransientFault.IsReadOnly(fault) => ReadOnly,
        PostgresException fault when TransientFault.IsOfTransactionPooler(fault) => BehindPooler,
        // A migration changed a column under a prepared statement; the next execution prepares it again.
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } =>
            Away,
        // The end of a connection, whatever its code: a pooler's refusals come as FATAL XX000.
        PostgresException { InvariantSeverity: "FATAL" or "PANIC" } => Away,
        // Classes 40, 53, 58: rolled back because of another transaction, no resources (a full disk, too many connections), a system error.
        PostgresException { SqlState: ['4', '0', ..] or ['5', '3', ..] or ['5', '8', ..] } =>
            Away,
        PostgresException when TransientFault.IsUniqueViolation(exception) => DatabaseTimeout,   // others were first, again and again
        // Classes 08, 28, 3D, 57: no connection, no sign-in, no such database, shutting down.
        PostgresException { SqlState: ['0', '8', ..] or ['2', '8', ..] or ['3', 'D', ..] or ['5', '7', ..] } => Away,
        PostgresException => Unexpected,
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => DatabaseTimeout,
        OperationCanceledException => DatabaseTimeout,   // a caller that left was handled above
        NpgsqlException or SocketException => Away,
        _ => Unexpected,
    };

    private static Exception CauseOf(Exception exception) => exception is SharedFaultException { InnerException: { } cause } ? cause : exception;

    public static ProblemResult Unavailable(string code, string message) =>
        new(StatusCodes.Status503ServiceUnavailable, code, message, RetryAfterSeconds: RetryAfterSeconds);

    [LoggerMessage(LogLevel.Error, "{Method} {Route} failed, trace {TraceId}, request {RequestId}")]
    private partial void LogUnexpected(Exception exception, string method, string route, string traceId, string requestId);

    [LoggerMessage(LogLevel.Warning, "{Method} {Route} answered 503 {Code}: {Reason}, trace {TraceId}, request {RequestId}; {LeftOut} similar lines suppressed")]
    private partial void LogUnavailable(string method, string route, string code, string reason, string traceId, string requestId, int leftOut);
}
