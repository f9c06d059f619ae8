using Gallery.Sql.Database;

namespace Gallery.Tests.Settings;

public sealed class StandbySettingsTests
{
    private const string Primary = "DATABASE_URL=postgresql://u:hunter2@one/d";

    [Fact]
    public void Without_the_setting_there_is_no_standby() => Assert.False(Standbys.From(Given.Settings(Primary)).Any);

    [Fact]
    public async Task Each_host_of_the_url_is_a_standby()
    {
        await using var standbys = Standbys.From(Given.Settings(Primary, "GALLERY_READ_DATABASE_URL=postgresql://u:hunter2@two,three:5433/d?target_session_attrs=any"));

        Assert.True(standbys.Any);
        Assert.Null(standbys.Find());   // before the first check
    }

    [Theory]
    [InlineData("GALLERY_READ_DATABASE_URL is set, but no database is.", "GALLERY_READ_DATABASE_URL=postgresql://u:hunter2@two/d")]
    [InlineData("GALLERY_READ_DATABASE_URL is set, but no database is.", "GALLERY_READ_DATABASE_URL=postgresql://u:hunter2@two/d", "GALLERY_DATABASE=embedded")]
    [InlineData("GALLERY_READ_DATABASE_URL cannot be read.", Primary, "GALLERY_READ_DATABASE_URL=hunter2")]
    [InlineData("GALLERY_READ_DATABASE_URL still contains the placeholder", Primary, "GALLERY_READ_DATABASE_URL=postgresql://u:[YOUR-PASSWORD]@two/d")]
    [InlineData("GALLERY_READ_MAX_LAG takes whole seconds from 1 to 3600.", Primary, "GALLERY_READ_MAX_LAG=0")]
    [InlineData("GALLERY_READ_MAX_LAG takes whole seconds", Primary, "GALLERY_READ_MAX_LAG=1.5")]
    [InlineData("GALLERY_READ_MAX_LAG takes whole seconds", Primary, "GALLERY_READ_MAX_LAG=3601")]
    public void A_setting_that_cannot_be_used_is_named_without_its_password(string message, params string[] settings)
    {
        var error = Assert.Throws<SettingsException>(() => Standbys.From(Given.Settings(settings))).Message;

        Assert.StartsWith(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
    }
}
