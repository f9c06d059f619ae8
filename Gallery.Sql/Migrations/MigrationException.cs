namespace Gallery.Sql.Migrations;

/// <summary>How a run of the migrator ended; the process exits with the number, and CI decides by it.</summary>
public enum ExitCode
{
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    Pending = 3,
    ScriptFailed = 4,
    HalfDone = 5,
    Integrity = 6,
    LockHeld = 7,
    Connection = 8,
    Exposure = 9,
}

/// <summary>
/// The migrator stopped for a reason that it knows. The message is whole: what happened, what was rolled back, what to do
/// next. It never holds a secret.
/// </summary>
public sealed class MigrationException(ExitCode exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public ExitCode ExitCode { get; } = exitCode;
}
