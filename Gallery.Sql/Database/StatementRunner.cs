using System.Data.Common;
using System.Diagnostics;
using Dapper;
using Npgsql;
using Polly;

namespace Gallery.Sql.Database;

/// <summary>Runs every repository's statements: on a pooled connection, prepared at first use, with the retries of <see cref="RetryPolicy"/>, and within a time limit.</summary>
/// <param name="prepares">False for bulk writes. A plan that is kept from an empty table would read the whole table each time.</param>
/// <param name="standbys">Answer in the database's place, as long as they can. Only for statements that read, and that need not see the last seconds.</param>
/// <param name="places">Limits how many statements run at once. A place is free again when its statement has ended, even if the caller gave up before. Null for no limit.</param>
/// <remarks>
/// A statement that was sent runs to its end, even if its caller leaves. Cancelling it would end its connection, and the next one would sign in and prepare all statements again.
/// The server's <c>statement_timeout</c> and the connection's Command Timeout bound it. The call ends with the statement, so that the caller's own limits count it too.
/// </remarks>
internal sealed class StatementRunner(NpgsqlDataSource database, bool prepares = true, Standbys? standbys = null, SemaphoreSlim? places = null)
{
    private readonly ResiliencePipeline _repeatable = RetryPolicy.OneMoreTry(database, TransientFault.IsWorthOneMoreTry);
    private readonly ResiliencePipeline _notRepeatable = RetryPolicy.OneMoreTry(database, TransientFault.IsWithoutEffect);

    // Explicit preparation costs one more round trip per connection. Npgsql's automatic kind may report an error for a statement that committed (npgsql 6391).
    private readonly bool _prepares = prepares && new NpgsqlConnectionStringBuilder(database.ConnectionString).MaxAutoPrepare > 0 && standbys is null or { Prepare: true };

    private readonly AsyncLocal<NpgsqlTransaction?> _transaction = new();   // of the work that TransactAsync runs

    /// <summary>Runs statements in one transaction: all that the work runs, in whichever method. A failed statement is undone alone. Any other failure ends the transaction.</summary>
    /// <param name="work">May run again, if the transaction was certainly rolled back. Returns whether to commit.</param>
    /// <param name="patience">How long the caller waits for all of it.</param>
    /// <param name="committed">Called after the commit, even if the caller has left. The argument is false if the answer was lost and it may have committed.</param>
    /// <exception cref="TimeoutException">It took longer. It may still commit.</exception>
    public Task<T> TransactAsync<T>(Func<Task<(T Result, bool Commits)>> work, TimeSpan patience, Action<bool>? committed = null) =>
        _notRepeatable.ExecuteAsync(async token =>
        {
            await using var connection = await database.OpenConnectionAsync(token);
            await using var transaction = await connection.BeginTransactionAsync(token);
            _transaction.Value = transaction;
            var (result, commits) = await work();
            if (!commits) return result;   // its disposal rolls it back
            try
            {
                await transaction.CommitAsync(token);
            }
            catch (Exception e) when (TransientFault.MayHaveCommitted(e))
            {
                committed?.Invoke(false);
                throw;
            }

            committed?.Invoke(true);
            return result;
        }).AsTask().WaitAsync(patience);

    /// <summary>Runs one statement and maps its rows with Dapper.</summary>
    /// <inheritdoc cref="ReadAsync" path="/param|/exception"/>
    public Task<IReadOnlyList<T>> QueryAsync<T>(string sql, long since, CancellationToken ct, params (string Name, object Value)[] parameters) =>
        ReadAsync(sql, reader => reader.GetRowParser<T>(), isRepeatable: true, since, ct, parameters);

    /// <summary>
    /// Runs one statement that only reads, planned with the values of its parameters. PostgreSQL ends it after it has worked for that time, even if the caller waits longer.
    /// </summary>
    /// <exception cref="PostgresException">57014: the time was not enough.</exception>
    /// <inheritdoc cref="ReadAsync" path="/param|/exception"/>
    public Task<IReadOnlyList<T>> QueryWithinAsync<T>(string sql, TimeSpan time, long since, CancellationToken ct, params IEnumerable<(string Name, object Value)> parameters) =>
        QueryWithinAsync<T>(sql, time, _ => { }, since, ct, parameters);

    /// <param name="worked">Gets how long the statement took, without the waits for a place and for a connection.</param>
    /// <inheritdoc cref="QueryWithinAsync{T}(string, TimeSpan, long, CancellationToken, IEnumerable{ValueTuple{string, object}})"/>
    public Task<IReadOnlyList<T>> QueryWithinAsync<T>(
        string sql, TimeSpan time, Action<TimeSpan> worked, long since, CancellationToken ct, params IEnumerable<(string Name, object Value)> parameters) =>
        RunAsync<IReadOnlyList<T>>(_repeatable, async connection =>
        {
            var start = Stopwatch.GetTimestamp();
            await using var batch = new NpgsqlBatch(connection);   // one implicit transaction, in which the settings end
            // Parallel workers would take the processors from other requests, and cost more than they save here.
            batch.BatchCommands.Add(new("select set_config('statement_timeout', @time, true), set_config('max_parallel_workers_per_gather', '0', true)") { Parameters = { new("time", $"{Math.Max(1, (int)time.TotalMilliseconds)}") } });
            var command = new NpgsqlBatchCommand(sql);
            foreach (var (name, value) in parameters) command.Parameters.Add(new(name, value));
            batch.BatchCommands.Add(command);
            await using var reader = await batch.ExecuteReaderAsync();
            await reader.NextResultAsync();
            var rows = await RowsAsync(reader, typeof(T) == typeof(string) ? row => row.GetFieldValue<T>(0) : reader.GetRowParser<T>());   // Dapper's parser makes no strings
            worked(Stopwatch.GetElapsedTime(start));
            return rows;
        }, since, ct);

    /// <summary>Runs one statement and maps its rows.</summary>
    /// <param name="parserOf">Makes the function that maps the reader's current row.</param>
    /// <param name="isRepeatable">Whether the statement may run again if its connection was lost and it may already have committed.</param>
    /// <param name="since">When the caller began to wait, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="parameters">Never null, and always of the same types, because the statement is prepared.</param>
    /// <param name="ct">Ends the wait for a place, and keeps a statement from being sent. It does not end one that was sent.</param>
    /// <exception cref="NotStartedException">No connection became free within <see cref="GalleryDatabase.Patience"/>.</exception>
    /// <exception cref="TimeoutException">There was no answer within <see cref="GalleryDatabase.Patience"/>. The statement may still commit.</exception>
    public Task<IReadOnlyList<T>> ReadAsync<T>(
        string sql, Func<DbDataReader, Func<DbDataReader, T>> parserOf, bool isRepeatable, long since, CancellationToken ct, params (string Name, object Value)[] parameters) =>
        ReadAfterAsync(first: null, sql, parserOf, isRepeatable, since, ct, parameters);

    /// <summary>Like <see cref="ReadAsync"/>, after another statement in the same transaction.</summary>
    /// <param name="first">It has the same parameters, and its rows are ignored. Null for none.</param>
    /// <inheritdoc cref="ReadAsync" path="/param|/exception"/>
    public Task<IReadOnlyList<T>> ReadAfterAsync<T>(
        string? first, string sql, Func<DbDataReader, Func<DbDataReader, T>> parserOf, bool isRepeatable, long since, CancellationToken ct, params (string Name, object Value)[] parameters) =>
        _transaction.Value is { } transaction
            ? ReadInAsync(transaction, sql, first, parserOf, parameters)
            : RunAsync(isRepeatable ? _repeatable : _notRepeatable, connection => ReadOnAsync(connection, sql, first, parserOf, parameters), since, ct);

    private Task<T> RunAsync<T>(ResiliencePipeline retries, Func<NpgsqlConnection, Task<T>> work, long since, CancellationToken ct)
    {
        var wasSent = false;
        return InTurnAsync().WaitAsync(GalleryDatabase.Patience, CancellationToken.None);

        async Task<T> InTurnAsync()
        {
            if (places is null) return await OnceMoreAsync();
            var patience = GalleryDatabase.Patience - Stopwatch.GetElapsedTime(since);
            if (patience <= TimeSpan.Zero || !await places.WaitAsync(patience, ct)) throw new TimeoutException("The statements before this one took too long.");
            try
            {
                return await OnceMoreAsync();
            }
            finally
            {
                places.Release();
            }
        }

        Task<T> OnceMoreAsync() => retries.ExecuteAsync(_ => OnStandbyOrPrimaryAsync(connection =>
        {
            // A statement that starts after its caller left or timed out could undo what the caller did next.
            ct.ThrowIfCancellationRequested();
            if (Stopwatch.GetElapsedTime(since) >= GalleryDatabase.Patience) throw wasSent ? new TimeoutException() : new NotStartedException();
            wasSent = true;
            return work(connection);
        }), CancellationToken.None).AsTask();
    }

    /// <summary>The primary runs what a standby could not. A statement that took too long there would take too long again.</summary>
    private async ValueTask<T> OnStandbyOrPrimaryAsync<T>(Func<NpgsqlConnection, Task<T>> work)
    {
        if (standbys?.Find() is { } standby)
        {
            NpgsqlConnection? open = null;
            try
            {
                open = await standby.OpenConnectionAsync();
                return await work(open);
            }
            catch (Exception e) when (open is null || IsOfStandby(e))
            {
                // A statement that only failed says nothing of the server. It may have met a row that replay just removed, or a table that replay has not made yet.
                if (e is not PostgresException { InvariantSeverity: "ERROR" }) standbys.LeaveOut(standby);
            }
            finally
            {
                if (open is not null) await open.DisposeAsync();
            }
        }

        await using var connection = await database.OpenConnectionAsync();
        return await work(connection);
    }

    private static bool IsOfStandby(Exception e) =>
        e is NpgsqlException { InnerException: not TimeoutException } and not PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } && !TransientFault.IsOfTransactionPooler(e);

    /// <summary>A statement that fails is undone alone, so that its transaction can go on.</summary>
    private async Task<IReadOnlyList<T>> ReadInAsync<T>(
        NpgsqlTransaction transaction, string sql, string? first, Func<DbDataReader, Func<DbDataReader, T>> parserOf, (string Name, object Value)[] parameters)
    {
        const string before = "before";
        await transaction.SaveAsync(before);
        try
        {
            var rows = await ReadOnAsync(transaction.Connection!, sql, first, parserOf, parameters);
            await transaction.ReleaseAsync(before);   // many savepoints would slow the transaction down
            return rows;
        }
        catch (PostgresException e) when (e.InvariantSeverity == "ERROR")
        {
            await transaction.RollbackAsync(before);
            throw;
        }
    }

    private async Task<IReadOnlyList<T>> ReadOnAsync<T>(
        NpgsqlConnection connection, string sql, string? first, Func<DbDataReader, Func<DbDataReader, T>> parserOf, (string Name, object Value)[] parameters)
    {
        await using var batch = new NpgsqlBatch(connection);   // one implicit transaction
        foreach (var text in first is null ? [sql] : new[] { first, sql })
        {
            var command = new NpgsqlBatchCommand(text);
            foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
            batch.BatchCommands.Add(command);
        }

        if (_prepares) await batch.PrepareAsync();
        await using var reader = await batch.ExecuteReaderAsync();
        if (first is not null) await reader.NextResultAsync();
        return await RowsAsync(reader, parserOf(reader));
    }

    private static async Task<IReadOnlyList<T>> RowsAsync<T>(NpgsqlDataReader reader, Func<DbDataReader, T> parse)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync()) rows.Add(parse(reader));
        return rows;
    }
}
