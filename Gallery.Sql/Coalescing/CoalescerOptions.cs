namespace Gallery.Sql.Coalescing;

/// <param name="Lanes">How many statements may be on their way at once; 0 for a statement a request, on its caller's own way.</param>
/// <param name="SpareLanes">
/// How many statements more, where those on their way stall; where these stall too, the others wait for one to end. And how many more each lane runs at
/// once of what it has to run alone.
/// </param>
/// <param name="StalledAfter">How long no lane has begun with a batch, or been done with it, until they count as stalled.</param>
/// <param name="MaximumBatch">How many requests a statement carries at most.</param>
/// <param name="QueueLength">How many requests may wait for a statement to be begun; one more is turned away.</param>
/// <param name="Patience">How long a request waits, the queue included; without lanes that is left to the statement.</param>
/// <param name="ShareEqualKeys">Whether requests of one key are one question, so that one answer serves them all.</param>
/// <param name="IsFaultOfOne">Whether a failure may be one request's own, so that the others are worth another try without it.</param>
/// <param name="IsFaultOfHaste">Whether one request's failure came of its company (<see cref="StatementTerms.InCompany"/>), so that it is worth another try alone.</param>
public sealed record CoalescerOptions(
    int Lanes, int SpareLanes, TimeSpan StalledAfter, int MaximumBatch, int QueueLength, TimeSpan Patience, bool ShareEqualKeys, Func<Exception, bool> IsFaultOfOne,
    Func<Exception, bool> IsFaultOfHaste);

/// <summary>As many requests wait as may, or the service is stopping: try again a little later.</summary>
public sealed class CoalescerFullException() : Exception("The queue is full, or closed.");
