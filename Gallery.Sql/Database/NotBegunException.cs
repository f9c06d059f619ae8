namespace Gallery.Sql.Database;

/// <summary>A statement came to its turn when the first of those it carries had given up, and was not begun: it has changed nothing.</summary>
public sealed class NotBegunException() : TimeoutException("The statement was not begun: it came to its turn too late.");
