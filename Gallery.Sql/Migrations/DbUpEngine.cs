using System.Data;
using System.Diagnostics.CodeAnalysis;
using DbUp.Engine;
using DbUp.Engine.Output;
using DbUp.Engine.Transactions;
using Npgsql;

namespace Gallery.Sql.Migrations;

/// <summary>
/// Runs one script with DbUp on a connection that stays open. DbUp sets the transaction mode per run, so each script has its
/// own engine. <see cref="Current"/> is the statement that is running or that failed.
/// </summary>
internal sealed class DbUpEngine(NpgsqlConnection connection, MigrationScript script, IJournal journal, CancellationToken ct)
    : DatabaseConnectionManager(_ => new HeldConnection(connection, ct))
{
    public SqlStatement? Current { get; private set; }

    /// <summary>Returns the error, or null if the script was applied.</summary>
    public Exception? Run()
    {
        var builder = PostgresqlExtensions.PostgresqlDatabase(this)
            .WithScript(new SqlScript(script.Name, script.Body))
            .WithVariablesDisabled()     // DbUp would read $body$ as a variable
            .JournalTo(journal)
            .LogTo(new NoOpUpgradeLog()); // DbUp's logs print an error ten times and use its text as a format
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
            yield return script.IsBatched ? BatchedScript.Loop(script.Name, statement.Text) : statement.Text;
        }

        Current = null;
    }

    /// <summary>Ignores DbUp's calls to close: this connection holds the migration lock.</summary>
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
            _cancellation = ct.Register(command.Cancel);   // or a cancelled run's statement keeps running on the server
            return command;
        }

        public void Dispose() => _cancellation.Dispose();
    }
}
