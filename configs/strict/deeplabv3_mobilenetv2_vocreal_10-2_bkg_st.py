# SPNet+ST with background, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2_st.py'
protocol = dict(background='seen')
