namespace Gallery.Sql.Database;

/// <summary>A connection became free only after the caller had timed out, so the statement was not sent. Nothing changed.</summary>
public sealed class NotStartedException() : TimeoutException("No connection became free in time. The statement was not sent.");
