using System.Data;
using System.Diagnostics.CodeAnalysis;
using DbUp.Engine;
using DbUp.Engine.Output;
using DbUp.Engine.Transactions;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Runs one script with DbUp on a connection that stays open. DbUp's mode is the run's, so each script has an engine, and
/// with it the mode it asks for. <see cref="Current"/> is the statement at work, or the one that failed.
/// </summary>
internal sealed class DbUpEngine(NpgsqlConnection connection, MigrationScript script, IJournal journal, CancellationToken ct)
    : DatabaseConnectionManager(_ => new HeldConnection(connection, ct))
{
    public SqlStatement? Current { get; private set; }

    /// <summary>Null when the script was applied.</summary>
    public Exception? Run()
    {
        var builder = PostgresqlExtensions.PostgresqlDatabase(this)
            .WithScript(new SqlScript(script.Name, script.Body))
            .WithVariablesDisabled()     // or $body$ is taken for one
            .JournalTo(journal)
            .LogTo(new NoOpUpgradeLog()); // DbUp's logs print an error ten times, and format its text; ours is printed once
        var result = (script.InTransaction ? builder.WithTransactionPerScript() : builder.WithoutTransaction())
            .Build()
            .PerformUpgrade();
        return result.Error;
    }

    public override IEnumerable<string> SplitScriptIntoCommands(string scriptContents)
    {
        foreach (var statement in SqlText.Split(scriptContents))
        {
            ct.ThrowIfCancellationRequested();
            Current = statement;
            yield return statement.Text;
        }

        Current = null;
    }

    /// <summary>DbUp closes what it opened; this connection holds the migration lock and must outlive it.</summary>
    private sealed class HeldConnection(NpgsqlConnection connection, CancellationToken ct) : IDbConnection
    {
        private CancellationTokenRegistration _cancellation;

        [AllowNull]
        public string ConnectionString { get => connection.ConnectionString; set => throw new NotSupportedException(); }

        public int ConnectionTimeout => connection.ConnectionTimeout;

        public string Database => connection.Database;

        public ConnectionState State => connection.State;

        public IDbTransaction BeginTransaction() => connection.BeginTransaction();

        public IDbTransaction BeginTransaction(IsolationLevel il) => connection.BeginTransaction(il);

        public void ChangeDatabase(string databaseName) => throw new NotSupportedException();

        public void Open() { }

        public void Close() { }

        public IDbCommand CreateCommand()
        {
            var command = connection.CreateCommand();
            _cancellation.Dispose();
            _cancellation = ct.Register(command.Cancel);   // a statement that nobody waits for must not work on at the server
            return command;
        }

        public void Dispose() => _cancellation.Dispose();
    }
}
