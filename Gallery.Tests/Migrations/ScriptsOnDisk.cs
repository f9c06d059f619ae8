using Gallery.Sql.Migrations;

namespace Gallery.Tests.Migrations;

/// <summary>A temporary folder sql/migrations for one test.</summary>
internal sealed class ScriptsOnDisk : IDisposable
{
    public const string Header = "-- Purpose: a test.\n-- Locks:   see the test.\n-- Release: any.\n";

    private readonly string _root = Directory.CreateTempSubdirectory("gallery-scripts-").FullName;

    public ScriptsOnDisk() => Directory.CreateDirectory(Folder);

    public string Folder => Path.Combine(_root, "sql", "migrations");

    public IReadOnlyList<MigrationScript> Read() => ScriptFolder.Read(Folder);

    /// <summary>Writes a script with a header. Replaces one of the same name.</summary>
    public ScriptsOnDisk Put(string name, string statements)
    {
        File.WriteAllText(PathOf(name), Header + statements + "\n");
        return this;
    }

    public ScriptsOnDisk PutConcurrent(string name, string statement)
    {
        File.WriteAllText(PathOf(name), Header + "-- migrator: no-transaction\n" + statement + "\n");
        return this;
    }

    public ScriptsOnDisk PutBatched(string name, string statement)
    {
        File.WriteAllText(PathOf(name), Header + "-- migrator: batched\n" + statement + "\n");
        return this;
    }

    /// <summary>The scripts of this release.</summary>
    public static ScriptsOnDisk OfTheRelease()
    {
        var scripts = new ScriptsOnDisk();
        foreach (var script in ScriptFolder.ReadEmbedded()) File.WriteAllText(scripts.PathOf(script.Name), script.Body);
        return scripts;
    }

    /// <summary>A script whose session settings no rule of the text detects, and a script that fails if they reach it.</summary>
    public static ScriptsOnDisk Leaking() => new ScriptsOnDisk()
        .Put("0001_leak_settings.sql", """
            do $$ begin
                perform set_config('search_path', 'gallery', false), set_config('work_mem', '77MB', false),
                        set_config('statement_timeout', '1min', false), set_config('client_encoding', 'LATIN1', false);
            end $$;
            """)
        .Put("0002_check_settings.sql", """
            do $$ begin
                assert current_setting('search_path') = 'pg_catalog', 'search_path';
                assert current_setting('work_mem') <> '77MB', 'work_mem';
                assert current_setting('statement_timeout') = '0', 'statement_timeout';
                assert current_setting('client_encoding') = 'UTF8', 'client_encoding';
            end $$;
            """);

    public string PathOf(string name) => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
