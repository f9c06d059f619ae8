namespace Gallery.Sql.Migrations;

/// <summary>The migrator's exit codes. CI scripts depend on the numbers.</summary>
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
/// The migrator stopped for a known reason. The message says what happened, what was rolled back and what to do next. It
/// never contains a secret.
/// </summary>
public sealed class MigrationException(ExitCode exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public ExitCode ExitCode { get; } = exitCode;
}

/// <summary>A run was cancelled after it had begun. The message says what stays.</summary>
public sealed class MigrationCancelledException(string message, Exception cause) : OperationCanceledException(message, cause);
