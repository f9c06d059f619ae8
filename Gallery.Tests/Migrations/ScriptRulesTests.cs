using Gallery.Sql.Migrations;
using Gallery.Tests.Readme;

namespace Gallery.Tests.Migrations;

public sealed class ScriptRulesTests
{
    [Fact]
    public void Gallerys_own_scripts_break_no_rule_and_are_numbered_without_a_gap()
    {
        var scripts = ScriptFolder.ReadEmbedded();

        Assert.NotEmpty(scripts);
        Assert.Empty(scripts.SelectMany(script => ScriptRules.Check(script).Select(rule => $"{script.Name}: {rule}")));
        Assert.Equal(Enumerable.Range(1, scripts.Count), scripts.Select(script => script.Number));
        Assert.Equal(
            Directory.GetFiles(Path.Combine(Repository.Root, ScriptFolder.DefaultPath)).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            scripts.Select(script => script.Name));
    }

    [Theory]
    [InlineData("create table gallery.t (a int);")]
    [InlineData("set local lock_timeout = '1s'; create table gallery.t (a int);")]
    [InlineData("set  local lock_timeout = '1s'; set\n\tlocal work_mem = '8MB';")]
    [InlineData("do $$ begin perform 1; end $$; -- commit; and begin; in a comment, and \\d")]
    [InlineData("comment on schema gallery is 'commit; \\d begin atomic concurrently';")]
    [InlineData("create function gallery.f() returns int language plpgsql as $body$ begin return 1; end; $body$;")]
    [InlineData("set constraints all deferred; create table if not exists gallery.t (a int);")]
    public void A_correct_script_breaks_no_rule(string statements) => Assert.Empty(Check(ScriptsOnDisk.Header + statements));

    [Theory]
    [InlineData("\\i other.sql", "psql command")]
    [InlineData("begin; select 1;", "transaction")]
    [InlineData("select 1; COMMIT;", "transaction")]
    [InlineData("start transaction; select 1;", "transaction")]
    [InlineData("savepoint a;", "transaction")]
    [InlineData("select '$schema$.x';", "$schema$")]
    [InlineData("set search_path = x; select 1;", "session")]
    [InlineData("set session authorization x;", "session")]
    [InlineData("reset all;", "session")]
    [InlineData("create index concurrently i on gallery.t (a);", "no-transaction")]
    [InlineData("create function gallery.f() returns int language sql begin atomic select 1; end;", "begin atomic")]
    [InlineData("select 1; -- a comment\r, drop table gallery.t;", "carriage return")]
    [InlineData("copy gallery.t (a) from stdin;", "copy")]
    [InlineData("copy gallery.t\nto STDOUT with (format csv);", "copy")]
    [InlineData("-- nothing", "no statement")]
    public void A_broken_rule_is_named(string statements, string rule) =>
        Assert.Contains(Check(ScriptsOnDisk.Header + statements), broken => broken.Contains(rule, StringComparison.Ordinal));

    [Theory]
    [InlineData("create index concurrently a on gallery.t (a); create index concurrently b on gallery.t (b);", "exactly one concurrent statement")]
    [InlineData("create table gallery.t (a int);", "exactly one concurrent statement")]
    [InlineData("create index concurrently if not exists a on gallery.t (a);", "if not exists")]
    public void A_no_transaction_script_is_one_concurrent_statement(string statements, string rule) =>
        Assert.Contains(Check(ScriptsOnDisk.Header + "-- migrator: no-transaction\n" + statements), broken => broken.Contains(rule, StringComparison.Ordinal));

    [Theory]
    [InlineData("-- Purpose:")]
    [InlineData("-- Locks:")]
    [InlineData("-- Release:")]
    public void A_header_says_purpose_locks_and_release(string line)
    {
        var text = string.Join('\n', ScriptsOnDisk.Header.Split('\n').Where(each => !each.StartsWith(line, StringComparison.Ordinal))) + "select 1;";

        Assert.Contains(line, Assert.Single(Check(text)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1_create_thing.sql")]
    [InlineData("0001_create.sql")]
    [InlineData("0001_Create_Thing.sql")]
    [InlineData("0001-create-thing.sql")]
    [InlineData("00001_create_thing.sql")]
    [InlineData("0001_create_thing.SQL")]
    public void A_name_is_a_number_of_four_digits_a_verb_and_an_object(string name) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<MigrationException>(() => MigrationScript.Create(name, "select 1", name)).ExitCode);

    [Fact]
    public void A_script_whose_extension_is_in_capitals_is_refused_not_ignored()
    {
        using var scripts = new ScriptsOnDisk().Put("0001_create_one.sql", "select 1;").Put("0002_create_two.SQL", "select 1;");

        Assert.Equal(ExitCode.Usage, Assert.Throws<MigrationException>(scripts.Read).ExitCode);
    }

    [Fact]
    public void Two_scripts_of_one_number_are_refused()
    {
        using var scripts = new ScriptsOnDisk().Put("0001_create_one.sql", "select 1;").Put("0001_create_two.sql", "select 1;");

        Assert.Equal(ExitCode.Usage, Assert.Throws<MigrationException>(scripts.Read).ExitCode);
    }

    [Theory]
    [InlineData("select 1; select 2", "select 1", "select 2")]
    [InlineData("select ';'; select \";\"", "select ';'", "select \";\"")]
    [InlineData("select 'it''s;'; select 2", "select 'it''s;'", "select 2")]
    [InlineData(@"select E'\';'; select 2", @"select E'\';'", "select 2")]
    [InlineData(@"select '\'; select 2", @"select '\'", "select 2")]
    [InlineData("select $$;$$; select $a$;$$;$a$", "select $$;$$", "select $a$;$$;$a$")]
    [InlineData("/* ; /* ; */ ; */ select 1; -- ;\n;; select 2", "select 1", "select 2")]
    [InlineData("select a$1 from b; select $1", "select a$1 from b", "select $1")]
    [InlineData("select 5 - 3; select 6 / 2", "select 5 - 3", "select 6 / 2")]
    public void A_statement_ends_at_its_semicolon_and_at_no_other(string text, string first, string second)
    {
        var statements = SqlText.Split(text);

        Assert.Equal([first, second], statements.Select(statement => statement.Text));
        Assert.All(statements, statement => Assert.Equal(statement.Text, text.Substring(statement.Offset, statement.Text.Length)));
    }

    private static string[] Check(string text) =>
        [.. ScriptRules.Check(MigrationScript.Create("0001_try_rule.sql", text, "0001_try_rule.sql"))];
}
