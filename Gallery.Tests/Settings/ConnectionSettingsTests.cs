using Npgsql;

namespace Gallery.Tests.Settings;

public sealed class ConnectionSettingsTests
{
    [Fact]
    public void Without_a_setting_there_is_no_connection() => Assert.Null(Given.Connection());

    [Fact]
    public void An_empty_setting_is_none() =>
        Assert.Null(Given.Connection("DATABASE_URL=", "SUPABASE_DB_HOST=", "SUPABASE_DB_PORT= ", "SUPABASE_DB_PASSWORD="));

    [Fact]
    public void Each_supabase_setting_is_used()
    {
        var connection = Given.Connection(
            "SUPABASE_DB_HOST=db.example.supabase.co",
            "SUPABASE_DB_PORT=5433",
            "SUPABASE_DB_NAME=pictures",
            "SUPABASE_DB_USER=postgres.example",
            "SUPABASE_DB_PASSWORD=a b;c=d'\"@%41/",
            "SUPABASE_DB_SSLMODE=verify-full")!;

        Assert.Equal(
            ("db.example.supabase.co", 5433, "pictures", "postgres.example", "a b;c=d'\"@%41/", SslMode.VerifyFull),
            (connection.Host, connection.Port, connection.Database, connection.Username, connection.Password, connection.SslMode));
    }

    [Fact]
    public void A_host_alone_is_enough()
    {
        var connection = Given.Connection("SUPABASE_DB_HOST=db.example.supabase.co")!;

        Assert.Equal(
            (5432, "postgres", "postgres", null, SslMode.Require),
            (connection.Port, connection.Database, connection.Username, connection.Password, connection.SslMode));
    }

    [Theory]
    [InlineData("SUPABASE_DB_PORT=5432")]
    [InlineData("SUPABASE_DB_NAME=postgres")]
    [InlineData("SUPABASE_DB_USER=postgres")]
    [InlineData("SUPABASE_DB_PASSWORD=hunter2")]
    [InlineData("SUPABASE_DB_SSLMODE=require")]
    public void Without_a_host_any_other_supabase_setting_asks_for_it(string setting) =>
        Assert.StartsWith("SUPABASE_DB_HOST is not set.", Given.Error(setting), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://db.example.supabase.co")]
    [InlineData("db.example.supabase.co/postgres")]
    [InlineData("db.example.supabase.co:5432")]
    [InlineData("postgres:hunter2@db.example.supabase.co")]
    [InlineData("one,two")]
    [InlineData("two words")]
    public void What_is_more_than_a_host_is_refused_as_one(string host)
    {
        var message = Given.Error($"SUPABASE_DB_HOST={host}");

        Assert.StartsWith("SUPABASE_DB_HOST is not a host name.", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("65536")]
    [InlineData("-1")]
    [InlineData("5432x")]
    [InlineData("five")]
    public void A_port_that_is_none_is_refused(string port) =>
        Assert.StartsWith("SUPABASE_DB_PORT takes a port from 1 to 65535", Given.Error("SUPABASE_DB_HOST=h", $"SUPABASE_DB_PORT={port}"), StringComparison.Ordinal);

    [Fact]
    public void Both_forms_at_once_are_refused_with_their_names()
    {
        var message = Given.Error("DATABASE_URL=postgresql://u:hunter2@h/d", "SUPABASE_DB_HOST=h", "SUPABASE_DB_PASSWORD=hunter2");

        Assert.StartsWith("DATABASE_URL and SUPABASE_DB_HOST, SUPABASE_DB_PASSWORD are both set", message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_private_postgresql_is_no_connection() => Assert.Null(Given.Connection("GALLERY_DATABASE=embedded"));

    [Theory]
    [InlineData("GALLERY_DATABASE=embedded and DATABASE_URL contradict each other.", "GALLERY_DATABASE=embedded", "DATABASE_URL=postgresql://u:hunter2@h/d")]
    [InlineData("GALLERY_DATABASE=embedded and SUPABASE_DB_HOST contradict each other.", "GALLERY_DATABASE=embedded", "SUPABASE_DB_HOST=h")]
    [InlineData("GALLERY_DATABASE takes only embedded.", "GALLERY_DATABASE=private")]
    public void Settings_that_contradict_the_private_postgresql_are_refused(string message, params string[] settings) =>
        Assert.StartsWith(message, Given.Error(settings), StringComparison.Ordinal);

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("allow", SslMode.Allow)]
    [InlineData("prefer", SslMode.Prefer)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-ca", SslMode.VerifyCA)]
    [InlineData("verify-full", SslMode.VerifyFull)]
    public void Each_word_of_sslmode_is_understood_in_each_form(string word, SslMode mode)
    {
        Assert.Equal(mode, Given.Connection("SUPABASE_DB_HOST=h", $"SUPABASE_DB_SSLMODE={word}")!.SslMode);
        Assert.Equal(mode, Given.Url($"postgresql://u@h/d?sslmode={word}").SslMode);
        Assert.Equal(mode, Given.Url($"Host=h;SSL Mode={mode}").SslMode);
    }

    [Theory]
    [InlineData("SUPABASE_DB_SSLMODE takes disable, allow, prefer, require, verify-ca or verify-full.", "SUPABASE_DB_HOST=h", "SUPABASE_DB_SSLMODE=on")]
    [InlineData("DATABASE_URL's sslmode takes disable, allow, prefer, require, verify-ca or verify-full.", "DATABASE_URL=postgresql://h/?sslmode=on")]
    public void Another_word_of_sslmode_is_refused_with_the_words_it_takes(string message, params string[] settings) =>
        Assert.Equal(message, Given.Error(settings));

    [Theory]
    [InlineData("localhost", SslMode.Prefer)]
    [InlineData("LocalHost", SslMode.Prefer)]
    [InlineData("127.0.0.1", SslMode.Prefer)]
    [InlineData("127.1.2.3", SslMode.Prefer)]
    [InlineData("::1", SslMode.Prefer)]
    [InlineData("/var/run/postgresql", SslMode.Prefer)]
    [InlineData("10.0.0.1", SslMode.Require)]
    [InlineData("localhost.example.com", SslMode.Require)]
    [InlineData("db.example.supabase.co", SslMode.Require)]
    public void A_connection_is_encrypted_unless_it_stays_on_this_machine(string host, SslMode mode) =>
        Assert.Equal(mode, Given.Connection($"SUPABASE_DB_HOST={host}")!.SslMode);

    [Theory]
    [InlineData("postgresql://localhost:5432,127.0.0.1:5433/d", SslMode.Prefer)]
    [InlineData("postgresql://localhost:5432,db.example.com:5433/d", SslMode.Require)]
    [InlineData("postgresql://[::1]:5433/d", SslMode.Prefer)]
    [InlineData("Host=localhost:5433", SslMode.Prefer)]
    public void Of_several_hosts_all_must_be_this_machine(string url, SslMode mode) => Assert.Equal(mode, Given.Url(url).SslMode);

    [Theory]
    [InlineData("SUPABASE_DB_PASSWORD", "SUPABASE_DB_HOST=h", "SUPABASE_DB_PASSWORD=[YOUR-PASSWORD]")]
    [InlineData("DATABASE_URL", "DATABASE_URL=postgresql://postgres:[YOUR-PASSWORD]@db.example.supabase.co:5432/postgres")]
    [InlineData("DATABASE_URL", "DATABASE_URL=User Id=postgres;Password=[YOUR-PASSWORD];Server=db.example.supabase.co;Port=5432;Database=postgres")]
    public void Supabases_placeholder_for_the_password_is_told_apart_from_a_wrong_one(string named, params string[] settings) =>
        Assert.Equal($"{named} still contains the placeholder [YOUR-PASSWORD]. Put the database's password there.", Given.Error(settings));
}
