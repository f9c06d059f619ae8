using Gallery.Sql.Database;
namespace Gallery.Sql.Embedded;

internal static class Unix
{
    public static bool IsRoot => !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;
}

/// <summary>Who runs PostgreSQL's programs, which refuse to run as root. Name null: oneself.</summary>
internal sealed record ServerUser(string? Name)
{
    public static ServerUser Oneself { get; } = new((string?)null);

    public string Title => Name ?? Environment.UserName;

    public static async Task<ServerUser> FindAsync(CancellationToken ct)
    {
        if (!Unix.IsRoot)
            return Oneself;

        foreach (var name in new[] { "postgres", "nobody" })
        {
            if ((await Command.RunAsync("id", ["-u", name], ct)).Succeeded)
                return new ServerUser(name);
        }

        throw new SettingsException(
            "PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as: " +
            "run the service as another user, or set DATABASE_URL or SUPABASE_DB_* to a database of your own.");
    }

    public Task<CommandResult> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct, bool capture = true) =>
        Command.RunAsync(program, arguments, ct, Name, capture: capture);

    // Asked of the system as that user, not worked out from mode bits: groups and access lists count too.
    public Task<bool> CanEnterAsync(string folder, CancellationToken ct) => TestAsync("-x", folder, ct);

    public Task<bool> OwnsAsync(string path, CancellationToken ct) => TestAsync("-O", path, ct);

    /// <summary>Makes the user the owner; nothing to do where it is oneself.</summary>
    public async Task GiveAsync(CancellationToken ct, params string[] paths)
    {
        if (Name is not null && await Command.RunAsync("chown", [Name, .. paths], ct) is { Succeeded: false } refusal)
            throw new SettingsException($"The folders of the embedded PostgreSQL cannot be given to the user {Name}: {refusal.LastLine}.");
    }

    private async Task<bool> TestAsync(string question, string path, CancellationToken ct) =>
        OperatingSystem.IsWindows() || (await RunAsync("/bin/sh", ["-c", $"test {question} \"$0\"", path], ct)).Succeeded;
}
