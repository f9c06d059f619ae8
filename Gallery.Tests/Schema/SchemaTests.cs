using Gallery.Service;
using Gallery.Sql.Images;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Gallery.Tests.Readme;

namespace Gallery.Tests.Schema;

/// <summary>Rules for every table of the schema, checked in the catalog, so that they apply to later tables too.</summary>
public sealed class SchemaTests(TestServer server) : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await server.CreateDatabaseAsync(migrated: true);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Every_time_is_a_timestamptz() =>
        Assert.Empty(await _database.ListAsync<string>(
            """
            select c.table_name || '.' || c.column_name
            from information_schema.columns as c
            where c.table_schema = 'gallery'
              and (c.column_name like '%\_at' or c.data_type like '%time%' or c.data_type = 'date' and c.column_name not in ('day', 'period'))   -- a day has no time
              and c.data_type <> 'timestamp with time zone'
            """));

    [Fact]
    public async Task Every_check_is_named_for_its_rule_and_has_a_message()
    {
        var checks = await _database.ListAsync<string>(
            "select k.conname::text from pg_constraint as k where k.connamespace = 'gallery'::regnamespace and k.contype = 'c'");

        Assert.NotEmpty(checks);
        Assert.All(checks, check => Assert.DoesNotMatch("_check[0-9]*$", check));   // PostgreSQL's default name
        Assert.All(checks, check => Assert.NotNull(Nouns.FindConstraint(check)));
    }

    [Fact]
    public async Task Every_foreign_key_is_indexed() =>
        Assert.Empty(await _database.ListAsync<string>(
            """
            select k.conname::text
            from pg_constraint as k
            where k.connamespace = 'gallery'::regnamespace
              and k.contype = 'f'
              and not exists
                  (
                      select
                      from pg_index as i
                      where i.indrelid = k.conrelid
                        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                  )
            """));

    [Fact]
    public async Task Every_table_of_images_has_a_primary_key_that_starts_with_image_id() =>
        Assert.Empty(await _database.ListAsync<string>(
            """
            select t.relname::text
            from pg_class as t
            where t.relnamespace = 'gallery'::regnamespace
              and t.relkind = 'r'
              and exists (select from pg_attribute as a where a.attrelid = t.oid and a.attname = 'image_id' and a.attnotnull)
              and not exists
                  (
                      select
                      from pg_constraint as k
                      join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
                      where k.conrelid = t.oid
                        and k.contype = 'p'
                        and a.attname = 'image_id'
                  )
            """));

    /// <summary>The script runs only on Citus, so this compares its text with the catalog.</summary>
    [Fact]
    public async Task The_script_for_Citus_distributes_every_table_by_its_key_and_makes_every_foreign_key_again()
    {
        var script = Repository.Read("sql", "citus.sql");

        Assert.All(await _database.ListAsync<string>(
            """
            select case when a.attname in ('image_id', 'user_id') then format('create_distributed_table(''gallery.%s'', ''%s'', ', c.relname, a.attname)
                        else format('create_reference_table(''gallery.%s'')', c.relname) end
            from pg_class as c
            join pg_index as x on x.indrelid = c.oid and x.indisprimary
            join pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[0]
            where c.relnamespace = 'gallery'::regnamespace
            """), call => Assert.Contains(call, script, StringComparison.Ordinal));
        Assert.All(await _database.ListAsync<string>(
            """
            select unnest(array
            [
                format('alter table gallery.%s drop constraint %s;', k.conrelid::regclass::text, k.conname),
                format('alter table gallery.%s add constraint %s' || chr(10) || '    foreign key (image_id) references gallery.%s (image_id) on delete cascade;', k.conrelid::regclass::text, k.conname, k.confrelid::regclass::text)
            ])
            from pg_constraint as k
            where k.connamespace = 'gallery'::regnamespace
              and k.contype = 'f'
            """), statement => Assert.Contains(statement.Replace("gallery.gallery.", "gallery.", StringComparison.Ordinal), script, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_table_has_a_comment() =>
        Assert.Empty(await _database.ListAsync<string>(
            "select t.relname::text from pg_class as t where t.relnamespace = 'gallery'::regnamespace and t.relkind = 'r' and obj_description(t.oid, 'pg_class') is null"));

    [Fact]
    public async Task There_is_no_trigger_and_no_sequence() =>
        Assert.Empty(await _database.ListAsync<string>(
            """
            select t.tgname::text
            from pg_trigger as t
            join pg_class as c on c.oid = t.tgrelid
            where c.relnamespace = 'gallery'::regnamespace
              and not t.tgisinternal
            union all
            select c.relname::text
            from pg_class as c
            where c.relnamespace = 'gallery'::regnamespace
              and c.relkind = 'S'
            """));

    [Fact]
    public async Task Every_index_says_in_its_script_which_method_it_serves()
    {
        var indexes = await _database.ListAsync<string>(
            """
            select c.relname::text
            from pg_index as i
            join pg_class as c on c.oid = i.indexrelid
            where c.relnamespace = 'gallery'::regnamespace
              and not i.indisprimary
            """);
        var repositories = typeof(ImageRepository).Assembly.GetExportedTypes().Where(type => type.Name.EndsWith("Repository", StringComparison.Ordinal));
        var methods = repositories.SelectMany(repository => repository.GetMethods()).Select(method => method.Name).ToHashSet();
        var scripts = string.Join('\n', ScriptFolder.ReadEmbedded().Select(script => script.Body));

        Assert.NotEmpty(indexes);
        Assert.All(indexes, index =>
        {
            var served = System.Text.RegularExpressions.Regex.Match(scripts, $@"-- Serves (\w+)[^\n]*\n(--[^\n]*\n)*create (unique )?index (concurrently )?{index}\n");
            Assert.True(served.Success, $"no '-- Serves …' above {index}");
            Assert.Contains(served.Groups[1].Value, methods);
        });
    }

    [Theory]
    [InlineData("image_image_id_not_nil", "image_id", "'00000000-0000-0000-0000-000000000000'")]
    [InlineData("image_user_id_length", "user_id", "''")]
    [InlineData("image_user_id_length", "user_id", "repeat('x', 256)")]
    [InlineData("image_image_url_length", "image_url", "repeat('x', 2049)")]
    [InlineData("image_refined_prompt_length", "refined_prompt", "repeat('x', 16385)")]
    [InlineData("image_intent_length", "intent", "repeat('x', 101)")]
    [InlineData("image_metadata_is_object", "metadata", "'[]'")]
    [InlineData("image_metadata_size", "metadata", "jsonb_build_object('k', repeat('x', 98304))")]
    [InlineData("image_metadata_depth", "metadata", "(repeat('{\"a\":', 33) || '1' || repeat('}', 33))::jsonb")]
    [InlineData("image_revision_positive", "revision", "0")]
    public async Task The_database_refuses_by_itself_what_the_contract_refuses(string constraint, string column, string value)
    {
        await _database.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'u', 'x')");
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _database.ExecuteAsync($"update gallery.image set {column} = {value}"));

        Assert.Equal(("23514", constraint), (refused.SqlState, refused.ConstraintName));
    }

    [Fact]
    public async Task Saves_that_merge_cannot_grow_the_metadata_past_their_bound()
    {
        const string merge = "update gallery.image set metadata = metadata || jsonb_build_object(@key, repeat('word ', 10000))";
        await _database.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'u', 'x')");
        await _database.ExecuteAsync(merge, new { key = "a" });

        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _database.ExecuteAsync(merge, new { key = "b" }));

        Assert.Equal(("23514", "image_metadata_size"), (refused.SqlState, refused.ConstraintName));
    }

    // Were the check evaluated, the row would not pass.
    [Fact]
    public async Task An_update_that_leaves_large_metadata_alone_does_not_check_them_again()
    {
        await _database.ExecuteAsync("""
            alter table gallery.image drop constraint image_metadata_size;
            insert into gallery.image (image_id, user_id, image_url, metadata)
            values (gen_random_uuid(), 'u', 'x', jsonb_build_object('k', repeat('word ', 20000)));
            """);
        var scripts = ScriptFolder.ReadEmbedded().Select(script => script.Body);
        var check = System.Text.RegularExpressions.Regex.Matches(string.Concat(scripts), @"add (constraint image_metadata_size [\s\S]*?) not valid")[^1].Groups[1].Value;
        await _database.ExecuteAsync($"alter table gallery.image add {check} not valid");

        await _database.ExecuteAsync("update gallery.image set deleted_at = now()");
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _database.ExecuteAsync("update gallery.image set metadata = metadata || '{\"a\": 1}'"));

        Assert.Equal("image_metadata_size", refused.ConstraintName);
    }
}
