using Gallery.Sql.Database;
namespace Gallery.Sql.Embedded;

internal static class Unix
{
    public static bool IsRoot => !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;
}

/// <summary>The user that runs PostgreSQL's programs, which refuse to run as root.</summary>
/// <param name="Name">Null for the user of this process.</param>
internal sealed record ServerUser(string? Name)
{
    public static ServerUser Current { get; } = new((string?)null);

    public string DisplayName => Name ?? Environment.UserName;

    public static async Task<ServerUser> FindAsync(CancellationToken ct)
    {
        if (!Unix.IsRoot)
            return Current;

        foreach (var name in new[] { "postgres", "nobody" })
        {
            if ((await Command.RunAsync("id", ["-u", name], ct)).Succeeded)
                return new ServerUser(name);
        }

        throw new SettingsException(
            "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as. " +
            "Run the service as another user, or set DATABASE_URL or SUPABASE_DB_* to your database.");
    }

    public Task<CommandResult> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct, bool capture = true) =>
        Command.RunAsync(program, arguments, ct, Name, capture: capture);

    // Tested as that user, because mode bits do not show groups and access lists.
    public Task<bool> CanEnterAsync(string folder, CancellationToken ct) => TestAsync("-x", folder, ct);

    public Task<bool> OwnsAsync(string path, CancellationToken ct) => TestAsync("-O", path, ct);

    /// <summary>Makes the user the owner of the paths, and never of what a link points to. Does nothing for the user of this process.</summary>
    public async Task ChownAsync(CancellationToken ct, params string[] paths)
    {
        if (Name is not null && await Command.RunAsync("chown", ["-h", Name, .. paths], ct) is { Succeeded: false } refusal)
            throw new SettingsException($"The embedded PostgreSQL's folders cannot be given to the user {Name}: {refusal.LastLine}. Run the service as another user.");
    }

    private async Task<bool> TestAsync(string question, string path, CancellationToken ct) =>
        OperatingSystem.IsWindows() || (await RunAsync("/bin/sh", ["-c", $"test {question} \"$0\"", path], ct)).Succeeded;
}
