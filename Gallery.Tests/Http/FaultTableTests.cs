using System.Net.Sockets;
using Gallery.Service.Http;
using Gallery.Sql.Coalescing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Gallery.Tests.Http;

/// <summary>The one table from failure to answer. Those failures that a test can bring about are in DatabaseAwayTests.</summary>
public sealed class FaultTableTests
{
    [Theory]
    [InlineData("08006", "ERROR", 503, "database_unavailable")]
    [InlineData("0A000", "ERROR", 500, "internal_error")]
    [InlineData("22P02", "ERROR", 500, "internal_error")]
    [InlineData("23505", "ERROR", 503, "database_timeout")]
    [InlineData("25006", "ERROR", 503, "database_read_only")]
    [InlineData("25P03", "FATAL", 503, "database_unavailable")]
    [InlineData("26000", "ERROR", 503, "pooler_not_set")]
    [InlineData("28P01", "FATAL", 503, "database_unavailable")]
    [InlineData("3D000", "FATAL", 503, "database_unavailable")]
    [InlineData("40001", "ERROR", 503, "database_unavailable")]
    [InlineData("40003", "ERROR", 503, "database_unavailable")]
    [InlineData("40P01", "ERROR", 503, "database_unavailable")]
    [InlineData("42501", "ERROR", 503, "database_permission_denied")]
    [InlineData("42P05", "ERROR", 503, "pooler_not_set")]
    [InlineData("42P01", "ERROR", 503, "schema_not_ready")]
    [InlineData("53100", "ERROR", 503, "database_unavailable")]
    [InlineData("53200", "ERROR", 503, "database_unavailable")]
    [InlineData("53300", "FATAL", 503, "database_unavailable")]
    [InlineData("55P03", "ERROR", 503, "database_timeout")]
    [InlineData("57014", "ERROR", 503, "database_timeout")]
    [InlineData("57P01", "FATAL", 503, "database_unavailable")]
    [InlineData("57P02", "FATAL", 503, "database_unavailable")]
    [InlineData("57P03", "FATAL", 503, "database_unavailable")]
    [InlineData("58030", "ERROR", 503, "database_unavailable")]
    [InlineData("XX000", "FATAL", 503, "database_unavailable")]
    [InlineData("XX000", "ERROR", 500, "internal_error")]
    [InlineData("XX001", "ERROR", 500, "internal_error")]
    public void What_the_database_says(string sqlState, string severity, int status, string code) =>
        Answers(new PostgresException("SECRET", severity, severity, sqlState), status, code);

    public static TheoryData<Exception, int, string> Others => new()
    {
        { new NpgsqlException("SECRET", new SocketException((int)SocketError.ConnectionRefused)), 503, "database_unavailable" },
        { new NpgsqlException("SECRET", new EndOfStreamException()), 503, "database_unavailable" },
        { new NpgsqlException("SECRET", new AggregateException(new NpgsqlException("SECRET"))), 503, "database_unavailable" },
        { new NpgsqlException("SECRET", new TimeoutException()), 503, "database_timeout" },
        { new SocketException((int)SocketError.HostNotFound), 503, "database_unavailable" },
        { new TimeoutException("SECRET"), 503, "database_timeout" },
        { new OperationCanceledException("SECRET"), 503, "database_timeout" },
        { new CoalescerFullException(), 503, "overloaded" },
        { new ObjectDisposedException("SECRET"), 500, "internal_error" },
        { new InvalidOperationException("SECRET"), 500, "internal_error" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void What_else_goes_wrong(Exception exception, int status, string code) => Answers(exception, status, code);

    [Fact]
    public void A_connection_that_ended_is_the_clients_doing()
    {
        Assert.All(new Exception[] { new ConnectionAbortedException(), new ConnectionResetException("SECRET") }, ended => Assert.True(ProblemExceptionHandler.HasLeft(new DefaultHttpContext(), ended)));
        Assert.All(new Exception[] { new OperationCanceledException(), new IOException(), new BadHttpRequestException("SECRET") }, other => Assert.False(ProblemExceptionHandler.HasLeft(new DefaultHttpContext(), other)));
    }

    private static void Answers(Exception exception, int status, string code)
    {
        var problem = ProblemExceptionHandler.ToProblem(new DefaultHttpContext(), exception);

        Assert.Equal((status, code), (problem.Status, problem.Code));
        Assert.Equal(status == 503, problem.RetryAfterSeconds is > 0);
        Assert.DoesNotContain("SECRET", problem.Message, StringComparison.Ordinal);
    }
}
