using Npgsql;

namespace Gallery.Tests.Settings;

/// <summary>What every connection of the process has in common.</summary>
public sealed class GalleryDatabaseTests
{
    [Fact]
    public void A_connection_is_tuned_for_short_statements_and_no_session_state()
    {
        var tuned = Given.Tuned("SUPABASE_DB_HOST=h");

        Assert.Equal(
            (12, 2, 2, "gallery", true, 32, GssEncryptionMode.Disable),
            (tuned.MaxPoolSize, tuned.Timeout, tuned.CommandTimeout, tuned.ApplicationName, tuned.NoResetOnClose, tuned.MaxAutoPrepare, tuned.GssEncryptionMode));
    }

    [Fact]
    public void What_the_connection_string_says_stands()
    {
        var tuned = Given.Tuned("DATABASE_URL=Host=h;MaxPoolSize=3;Timeout=15;CommandTimeout=30;ApplicationName=mine;Max Auto Prepare=5;SslMode=Prefer");

        Assert.Equal(
            (3, 15, 30, "mine", 5, SslMode.Prefer),
            (tuned.MaxPoolSize, tuned.Timeout, tuned.CommandTimeout, tuned.ApplicationName, tuned.MaxAutoPrepare, tuned.SslMode));
    }

    [Fact]
    public void What_a_uri_says_stands()
    {
        var tuned = Given.Tuned("DATABASE_URL=postgresql://h/d?connect_timeout=15&application_name=mine");

        Assert.Equal((15, "mine"), (tuned.Timeout, tuned.ApplicationName));
    }

    [Fact]
    public void No_reset_on_close_is_not_for_the_connection_string_to_change() =>
        Assert.True(Given.Tuned("DATABASE_URL=Host=h;No Reset On Close=false").NoResetOnClose);

    [Fact]
    public void A_pool_that_starts_larger_is_as_large() =>
        Assert.Equal((40, 40), Given.Tuned("DATABASE_URL=Host=h;Minimum Pool Size=40") is var tuned ? (tuned.MinPoolSize, tuned.MaxPoolSize) : default);

    [Theory]
    [InlineData(32, "SUPABASE_DB_HOST=h")]
    [InlineData(32, "SUPABASE_DB_HOST=h", "SUPABASE_DB_PORT=5432")]
    [InlineData(0, "SUPABASE_DB_HOST=h", "SUPABASE_DB_PORT=6543")]
    [InlineData(0, "SUPABASE_DB_HOST=h", "GALLERY_POOLER=transaction")]
    [InlineData(32, "SUPABASE_DB_HOST=h", "GALLERY_POOLER=")]
    [InlineData(32, "SUPABASE_DB_HOST=h", "GALLERY_POOLER=session")]
    [InlineData(32, "SUPABASE_DB_HOST=h", "SUPABASE_DB_PORT=6543", "GALLERY_POOLER=session")]
    [InlineData(32, "DATABASE_URL=postgresql://h:5432/d")]
    [InlineData(0, "DATABASE_URL=postgresql://h:6543/d")]
    [InlineData(0, "DATABASE_URL=postgresql://one:6543,two:6543/d")]
    [InlineData(0, "DATABASE_URL=postgresql://h/d?port=6543")]
    [InlineData(0, "DATABASE_URL=postgresql://h:5432/d?pgbouncer=true")]
    [InlineData(32, "DATABASE_URL=postgresql://h:5432/d?pgbouncer=false")]
    [InlineData(0, "DATABASE_URL=Host=h;Port=6543")]
    [InlineData(0, "DATABASE_URL=Host=h:6543")]
    [InlineData(0, "DATABASE_URL=Host=h;Port=6543;Max Auto Prepare=20")]
    public void Nothing_is_prepared_behind_a_transaction_pooler(int prepared, params string[] settings) =>
        Assert.Equal(prepared, Given.Tuned(settings).MaxAutoPrepare);

    [Fact]
    public void Another_word_for_the_pooler_is_refused_with_the_words_it_takes() =>
        Assert.Equal("GALLERY_POOLER takes session or transaction.", Given.Error("SUPABASE_DB_HOST=h", "GALLERY_POOLER=statement"));
}
