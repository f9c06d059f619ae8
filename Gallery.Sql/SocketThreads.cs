using Gallery.Sql.Coalescing;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql;

/// <summary>
/// The runtime's threads that hear of what sockets have received. The database's answers are read there: else a thread of the pool is
/// woken for each 8 KB that PostgreSQL sends, and a list has more than two of them.
/// </summary>
/// <remarks>
/// Whatever blocks such a thread stops all its sockets (.NET's source, <c>SocketAsyncEngine</c>). So nothing runs there but Npgsql's own reading, and the rows
/// becoming JSON: who awaits the database, or another server, goes on elsewhere (<see cref="LeaveAsync"/>). And no caller cancels a statement, since Npgsql may
/// wait there while it does: with coalescing none can. Without it, and on the embedded PostgreSQL, where the service runs the migrator, all stays in the pool.
/// </remarks>
public static class SocketThreads
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Has them read answers, for the whole process; to be called before its first socket. What the environment says stands: <c>0</c> for the pool.</summary>
    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> nor <c>off</c>.</exception>
    public static void ReadAnswers(IConfiguration settings)
    {
        if (CoalescingSetting.IsOn(settings) && Environment.GetEnvironmentVariable(InlineCompletions) is null)
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
    }

    /// <summary>Goes on on a thread of the pool: at once where this is one.</summary>
    public static async ValueTask LeaveAsync()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread) await Task.Yield();
    }
}
