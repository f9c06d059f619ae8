using Gallery.Sql.Coalescing;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql;

/// <summary>
/// The runtime's threads that hear of what sockets have received. The database's answers are read there: else a thread of the pool is
/// woken for each 8 KB that PostgreSQL sends, and a list has more than two of them.
/// </summary>
/// <remarks>
/// Whatever blocks such a thread stops all its sockets (.NET's source, <c>SocketAsyncEngine</c>). So of the service's own code nothing runs there but the reading of
/// rows, into JSON or a row: who awaits the database, or another server, goes on elsewhere (<see cref="LeaveAsync"/>). Kestrel's and Npgsql's own loops, which
/// do run there, block only in what is kept away: TLS, of which Npgsql takes leave by blocking when a connection breaks, for good if a statement is still being
/// sent (npgsql/npgsql 6012), and which may download certificates; keepalives; callers that cancel a statement, which with coalescing none can; and the migrator,
/// which the service runs on its embedded PostgreSQL. With any of them the pool reads. Not kept away is a handshake with the issuer of users' keys or an https
/// collector whose chain of certificates has a gap: .NET downloads what is missing, blocking, for 15 s at most.
/// </remarks>
public static class SocketThreads
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>
    /// Has them read answers, for the whole process, where the connection is without TLS; to be called before the first socket. What the environment says
    /// stands: <c>0</c> for the pool, and <c>1</c> even where that is not safe.
    /// </summary>
    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> nor <c>off</c>.</exception>
    public static void ReadAnswers(NpgsqlConnectionStringBuilder connection, IConfiguration settings)
    {
        var isSafe = CoalescingSetting.IsOn(settings) && connection is { SslMode: SslMode.Disable, KeepAlive: 0 };
        if (isSafe && Environment.GetEnvironmentVariable(InlineCompletions) is null) Environment.SetEnvironmentVariable(InlineCompletions, "1");
    }

    /// <summary>Goes on on a thread of the pool: at once where this is one.</summary>
    public static async ValueTask LeaveAsync()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread) await Task.Yield();
    }
}
